"""Takes files of an offer off this machine: those that nothing else here needs."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import EngineUnavailable
from pipelines.hub import cache
from pipelines.hub.components import Component, select
from pipelines.hub.offers import Offer
from pipelines.hub.weights import listing_of, root_of


@dataclass(frozen=True)
class Removal:
    """What deleting would do.

    Attributes:
        files: That would go, as links in the cache.
        frees: Bytes.
        shared: Names of other offers that keep some of the files.
        kept: Bytes of those.
    """

    files: tuple[Path, ...]
    frees: int
    shared: tuple[str, ...] = ()
    kept: int = 0


def look(offer: Offer, others: Iterable[Offer], at_work: Collection[str] = ()) -> Removal:
    """What deleting an offer would free.

    Another offer keeps a file that both need where it can be used as it is, or has something of its own here: what
    merely came along with this offer does not count.

    Args:
        offer: What is to go.
        others: All other offers.
        at_work: Ids of offers that are being downloaded; they keep all that is theirs.
    """
    mine = _files(offer.components)
    keepers = {}
    for other in others:
        theirs = set() if other.is_part or other.id == offer.id else _files(other.components)
        if theirs & mine and (theirs - mine or other.id in at_work or other.state().is_usable):
            keepers[other.name] = theirs & mine
    kept = set().union(*keepers.values())
    going = tuple(sorted(mine - kept))
    frees = sum(_bytes(path) for path in going) + sum(_bytes(path) for path in _unfinished(offer, at_work))
    return Removal(going, frees, tuple(keepers), sum(_bytes(path) for path in kept))


def remove(offer: Offer, others: Iterable[Offer], at_work: Collection[str] = ()) -> int:
    """Delete an offer, as `look` tells. Returns the bytes that are free now.

    Raises:
        EngineUnavailable: A file cannot be deleted.
    """
    removal = look(offer, others, at_work)
    try:
        for path in removal.files:
            _delete(path)
        for path in _unfinished(offer, at_work):
            path.unlink(missing_ok=True)
        for repo_id in {str(part.source.repo_id) for part in offer.components if part.source.repo_id}:
            _sweep(cache.repository(repo_id))
    except OSError as error:
        words = "A file of the model cache could not be deleted; check its permissions."
        raise EngineUnavailable(words, detail=type(error).__name__) from None
    return removal.frees


def drop_unfinished(offer: Offer) -> None:
    """Delete what is not whole yet."""
    for path in _unfinished(offer, ()):
        path.unlink(missing_ok=True)


def _files(components: Iterable[Component]) -> set[Path]:
    """The files of the hub that components have here."""
    found: set[Path] = set()
    for component in components:
        root = root_of(component.source)
        if component.source.repo_id and root is not None and root.is_dir():
            found |= {root / name for name in select(component, listing_of(root, component))[0]}
    return found


def _unfinished(offer: Offer, at_work: Collection[str]) -> list[Path]:
    """Only one download is at work at a time; where one is, whose these are cannot be told."""
    if at_work:
        return []
    repositories = {str(part.source.repo_id) for part in offer.components if part.source.repo_id}
    return [
        path for repo_id in repositories for path in (cache.repository(repo_id) / "blobs").glob(f"*{cache.UNFINISHED}")
    ]


def _bytes(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _delete(path: Path) -> None:
    """A link, and its bytes unless another commit's link leads to them."""
    blob = path.resolve()
    path.unlink()
    if blob == path:
        return
    links = (blob.parents[1] / "snapshots").rglob("*")
    if not any(link.resolve() == blob for link in links if link.is_symlink()):
        blob.unlink(missing_ok=True)


def _sweep(repository: Path) -> None:
    """Remove folders that are empty now, and the repository's where no file is left in it."""
    snapshots = repository / "snapshots"
    for folder, _, _ in os.walk(snapshots, topdown=False):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()  # not where something is in it
    has_blobs = any((repository / "blobs").glob("*")) if (repository / "blobs").is_dir() else False
    if repository.is_dir() and not snapshots.exists() and not has_blobs:
        shutil.rmtree(repository, ignore_errors=True)

"""Takes files of an offer off this machine: those that nothing else here needs."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines import heavy
from pipelines.errors import EngineUnavailable
from pipelines.hub import cache
from pipelines.hub.components import Component, select
from pipelines.hub.offers import Offer
from pipelines.hub.weights import listing_of


@dataclass(frozen=True)
class Removal:
    """What deleting would do.

    Attributes:
        files: That would go, as links in the cache.
        blobs: That would go with them, because nothing else leads to them.
        frees: Bytes.
        shared: Names of other offers that keep some of the files.
        kept: Bytes of those.
    """

    files: tuple[Path, ...]
    blobs: tuple[Path, ...]
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
    going = mine - kept
    blobs = _only_behind(going)
    copies = {path for path in going if not path.is_symlink()}  # where a file system knows no links
    alone = [path for path in copies | blobs if not _is_read_elsewhere(path)]
    frees = sum(_bytes(path) for path in (*alone, *_unfinished(offer, at_work)))
    stays = sum(_bytes(blob) for blob in {cache.blob_of(path) for path in kept})
    return Removal(tuple(sorted(going)), tuple(sorted(blobs)), frees, tuple(keepers), stays)


def remove(offer: Offer, others: Iterable[Offer], at_work: Collection[str] = ()) -> int:
    """Delete an offer, as `look` tells. Returns the bytes that are free now.

    Raises:
        EngineUnavailable: A file cannot be deleted.
    """
    others = list(others)
    removal = look(offer, others, at_work)
    stored = {
        blob.resolve(): _bytes(blob) for blob in removal.blobs if blob.is_symlink() and not _is_read_elsewhere(blob)
    }
    try:
        _delete_stored(removal)
        for path in (*removal.blobs, *removal.files):  # a link to nothing is found again, bytes without one are not
            path.unlink(missing_ok=True)
        busy = set().union(*(_repositories(other) for other in others if other.id in at_work))
        _clear_up(offer, at_work, busy)
    except OSError as error:
        words = "A file of the model cache could not be deleted; check its permissions."
        raise EngineUnavailable(words, detail=type(error).__name__) from None
    return removal.frees - sum(size for path, size in stored.items() if path.exists())


def drop_unfinished(offer: Offer) -> None:
    """Delete what is not whole yet, and what is left of a download that brought nothing; nothing while another runs."""
    with contextlib.suppress(EngineUnavailable, OSError), cache.downloading():
        for path in _unfinished(offer, ()):
            path.unlink(missing_ok=True)
        for repo_id in _repositories(offer):
            _sweep(repo_id)


def _clear_up(offer: Offer, at_work: Collection[str], busy: set[str]) -> None:
    """Delete what is not whole yet, and what leads to nothing: not where a download is under way, but for one of our
    own, whose repositories are known.
    """
    repositories = _repositories(offer)
    with contextlib.ExitStack() as alone:
        try:
            alone.enter_context(cache.downloading())
        except EngineUnavailable:
            repositories = repositories - busy if at_work else set()
        else:
            for path in _unfinished(offer, at_work):
                path.unlink(missing_ok=True)
        for repo_id in repositories:
            _sweep(repo_id)


def _files(components: Iterable[Component]) -> set[Path]:
    """The files of the hub that components have here, those of earlier commits among them."""
    found: set[Path] = set()
    for component in components:
        for folder in cache.folders_of(component.source) if component.source.repo_id else ():
            found |= {folder / name for name in select(component, listing_of(folder, component))[0]}
    return found


def _unfinished(offer: Offer, at_work: Collection[str]) -> list[Path]:
    """Only one download is at work at a time; where one is, whose these are cannot be told."""
    if at_work:
        return []
    return [
        path
        for repo_id in _repositories(offer)
        for path in (cache.repository(repo_id) / "blobs").glob(f"*{cache.UNFINISHED}")
    ]


def _repositories(offer: Offer) -> set[str]:
    return {str(part.source.repo_id) for part in offer.components if part.source.repo_id}


def _bytes(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _only_behind(going: set[Path]) -> set[Path]:
    """The blobs that no link leads to but these, of any commit."""
    found: set[Path] = set()
    for repository in {cache.cache_folder() / path.relative_to(cache.cache_folder()).parts[0] for path in going}:
        links = {path: cache.blob_of(path) for path in (repository / "snapshots").rglob("*") if path.is_symlink()}
        others = {blob for path, blob in links.items() if path not in going}
        theirs = {links[path] for path in going & links.keys()} - others
        # A link out of the repository is somebody's own doing, and so is what it leads to.
        found |= {blob for blob in theirs if blob.parent == (repository / "blobs").resolve()}
    return found


def _is_read_elsewhere(blob: Path) -> bool:
    """Whether another repository reads the same bytes out of the store of the whole cache, under the same hash."""
    if not blob.is_symlink():
        return False
    same = (folder / "blobs" / blob.name for folder in cache.cache_folder().iterdir())
    return sum(other.is_symlink() and other.resolve() == blob.resolve() for other in same) > 1


def _delete_stored(removal: Removal) -> None:
    """Have huggingface_hub delete what lies in its store of the whole cache: it knows who else reads it.

    Where it cannot (before 2.4, or in a repository that it calls damaged), the bytes stay for `hf cache prune`.
    """
    blobs = {blob for blob in removal.blobs if blob.is_symlink()}
    wanted = {_place(path) for path in removal.files if cache.blob_of(path) in blobs}
    if not wanted:
        return
    with contextlib.suppress(OSError, ValueError):
        info = heavy.load("huggingface_hub").scan_cache_dir(cache.cache_folder())
        known = (file for repo in info.repos for commit in repo.revisions for file in commit.files)
        if hasattr(info, "delete_files"):
            info.delete_files(*(file for file in known if _place(file.file_path) in wanted)).execute()


def _place(link: Path) -> Path:
    """One name for one link, by whatever way it is reached."""
    return link.parent.resolve() / link.name


def _sweep(repo_id: str) -> None:
    """Remove folders that are empty now, and the repository's where no file is left in it. A ref to such a folder leads
    to the commit before again, where that is here, or goes.
    """
    repository = cache.repository(repo_id)
    blobs, snapshots, refs = (repository / name for name in ("blobs", "snapshots", "refs"))
    if not any(blobs.glob("*.incomplete")):  # else another program counts on the folder that it fetches for
        for folder, _, _ in os.walk(snapshots, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()  # not where something is in it
    for ref in [path for path in refs.rglob("*") if path.is_file()]:
        if not (snapshots / ref.read_text("utf-8", "replace").strip()).is_dir():
            cache.lead_back(repo_id, ref)
    if any(blobs.glob("*")):
        snapshots.mkdir(exist_ok=True)  # without it, `hf cache` calls the repository damaged
    elif repository.is_dir() and not snapshots.exists():
        shutil.rmtree(repository, ignore_errors=True)

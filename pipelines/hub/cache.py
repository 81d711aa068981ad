"""Where files of the hub lie on this machine: huggingface_hub's cache, by its documented layout.

`models--OWNER--NAME/refs/REVISION` holds a commit, `snapshots/COMMIT/` the files of it, each a link to `blobs/HASH`
(https://huggingface.co/docs/huggingface_hub/guides/manage-cache). Read here and not by `snapshot_download`, which takes
a snapshot for nothing where another program has fetched another part of it. Touches no network.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from pipelines import heavy
from pipelines.errors import EngineUnavailable
from pipelines.hub.source import HubSource

UNFINISHED = ".studio.incomplete"  # ends as huggingface_hub's own unfinished files do, so that its tools know them
_EARLIER = ".studio.earlier"  # in a repository's folder: a line for each commit that another one took the place of
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Surroundings:
    """What the environment says about downloads.

    Attributes:
        cache: The folder that takes them: HF_HUB_CACHE, or hub in HF_HOME.
        free_bytes: Of its disk.
        endpoint: Which hub is asked, HF_ENDPOINT; without a password that may stand in it.
        has_token: Whether the hub is told who asks (HF_TOKEN, or `hf auth login`). The token itself is shown nowhere.
        is_offline: HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set: nothing is downloaded.
    """

    cache: Path
    free_bytes: int
    endpoint: str
    has_token: bool
    is_offline: bool


def surroundings() -> Surroundings:
    """As they are now."""
    constants, address = heavy.load("huggingface_hub.constants"), urlsplit(_endpoint())
    host = f"{address.hostname or ''}{f':{address.port}' if address.port else ''}"
    return Surroundings(
        cache=cache_folder(),
        free_bytes=free_bytes(),
        endpoint=f"{address.scheme}://{host}{address.path}",
        has_token=bool(heavy.load("huggingface_hub").get_token()),
        is_offline=bool(constants.HF_HUB_OFFLINE),
    )


def _endpoint() -> str:
    return str(heavy.load("huggingface_hub.constants").ENDPOINT)


def cache_folder() -> Path:
    """The cache of huggingface_hub."""
    return Path(heavy.load("huggingface_hub.constants").HF_HUB_CACHE)


def free_bytes() -> int:
    """Room on the disk of the cache."""
    folder = cache_folder()
    return shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.exists())).free


def repository(repo_id: str) -> Path:
    """The folder of a repository."""
    return cache_folder() / f"models--{repo_id.replace('/', '--')}"


def snapshot(repo_id: str, commit: str) -> Path:
    """The folder of one commit's files."""
    return repository(repo_id) / "snapshots" / commit


def commit_of(source: HubSource) -> str | None:
    """The commit whose files stand for a source here; None where nothing of its revision was ever fetched.

    A revision that the hub has no more was replaced by another commit when it was fetched: `note_commit` says so.
    """
    refs, revision = repository(str(source.repo_id)) / "refs", source.revision or "main"
    for name in (_instead_of(revision), revision):
        with contextlib.suppress(OSError):
            return (refs / name).read_text("utf-8").strip()
    return revision if _COMMIT.fullmatch(revision) else None


def folders_of(source: HubSource) -> list[Path]:
    """The snapshot that stands for a source, and those that did before: their files keep bytes on the disk, too."""
    repo_id, revision = str(source.repo_id), source.revision or "main"
    commits = dict.fromkeys((commit_of(source), *_earlier(repo_id, revision)))
    return [snapshot(repo_id, commit) for commit in commits if commit]


def _earlier(repo_id: str, revision: str) -> list[str]:
    """Commits that stood for a revision before, the latest last."""
    with contextlib.suppress(OSError):
        lines = (repository(repo_id) / _EARLIER).read_text("utf-8").splitlines()
        return [line[:40] for line in lines if line[41:] == revision and _COMMIT.fullmatch(line[:40])]
    return []


def lead_back(repo_id: str, ref: Path) -> None:
    """Let a ref whose commit is gone lead to the latest one before of which something is here; else delete it."""
    revision = ref.relative_to(repository(repo_id) / "refs").as_posix().removeprefix(_instead_of(""))
    for commit in reversed(_earlier(repo_id, revision)):
        if snapshot(repo_id, commit).is_dir():
            _write(ref, commit)
            return
    ref.unlink()


def is_replaced(source: HubSource) -> bool:
    """Whether other files than those of the pinned revision stand for a source."""
    if not (source.repo_id and source.revision):
        return False
    return (repository(source.repo_id) / "refs" / _instead_of(source.revision)).exists()


def note_commit(source: HubSource, commit: str, *, replaced: bool) -> None:
    """Keep which commit a revision stands for.

    Args:
        source: Whose revision.
        commit: What the hub said that it is.
        replaced: The hub does not have the revision, and this is the commit of its main branch.
    """
    repo_id, revision = str(source.repo_id), source.revision or "main"
    refs, before = repository(repo_id) / "refs", commit_of(source)
    if before not in (None, commit) and snapshot(repo_id, str(before)).is_dir():
        with (repository(repo_id) / _EARLIER).open("a", encoding="utf-8") as notes:
            notes.write(f"{before} {revision}\n")
    snapshot(repo_id, commit).mkdir(parents=True, exist_ok=True)  # to `hf cache` a ref to nothing is damage
    if replaced:
        _write(refs / _instead_of(revision), commit)
        return
    (refs / _instead_of(revision)).unlink(missing_ok=True)
    if not _COMMIT.fullmatch(revision):
        _write(refs / revision, commit)


def blob_of(path: Path) -> Path:
    """Where the bytes of a snapshot's file lie in its repository; the file itself where it is no link.

    One link further and no more: huggingface_hub 2 keeps files in a store of the whole cache, and then what lies in
    `blobs` is a link itself, to bytes that other repositories read, too.
    """
    if not path.is_symlink():
        return path
    target = path.parent / path.readlink()
    return target.parent.resolve() / target.name


def unfinished(repo_id: str, key: str) -> Path:
    """Where a file grows until it is whole.

    Args:
        repo_id: Its repository.
        key: Its hash, as in `blobs`.
    """
    return repository(repo_id) / "blobs" / f"{key}{UNFINISHED}"


def unfinished_bytes(repo_id: str) -> int:
    """Bytes of a repository's files that are not whole yet."""
    return sum(path.stat().st_size for path in (repository(repo_id) / "blobs").glob(f"*{UNFINISHED}"))


@contextlib.contextmanager
def downloading() -> Iterator[None]:
    """Keep a second program of this studio from writing to the cache at the same time.

    Raises:
        EngineUnavailable: One does.
    """
    folder = cache_folder() / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "self-portrait-studio.lock", timeout=0):
            yield
    except Timeout:
        words = "Another download of this studio is under way on this machine; wait for its end, or stop it."
        raise EngineUnavailable(words) from None


def _instead_of(revision: str) -> str:
    return f"instead-of-{revision}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")

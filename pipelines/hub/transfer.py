"""One file from the hub into the cache: resumed where it was cut off, and compared with the hash that the hub lists.

huggingface_hub 2 throws away what it has of a file when it is stopped, waits without letting itself be stopped, and
compares sizes only (`file_download.py`, `_download_to_tmp_and_move`). A model is gigabytes over a home's line, so here
the unfinished file stays, and the hash decides. Sessions, headers, addresses and errors are huggingface_hub's.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from time import time
from typing import Any, NamedTuple, Protocol, TypeVar

from pipelines import heavy
from pipelines.errors import EngineUnavailable
from pipelines.hub import cache

log = logging.getLogger(__name__)

TRIES = 6  # one after the other without a byte in between
CHUNK_BYTES = 128 * 1024  # after each the work can be stopped
_READ_BYTES = 8 * 1024 * 1024
_FIRST_WAIT, _LONGEST_WAIT, _LONGEST_ASKED = 1.0, 30.0, 600.0
_PASSING = {
    HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT,
}  # fmt: skip
_T = TypeVar("_T")


class HubFile(NamedTuple):
    """One file of a repository at one commit, as the hub lists it.

    Attributes:
        size: In bytes.
        sha256: Of a large file (LFS); "" for others.
        git_sha1: Of a small file, as git names its content; "" where the hub does not say.
    """

    repo_id: str
    commit: str
    name: str
    size: int
    sha256: str = ""
    git_sha1: str = ""

    @property
    def path(self) -> Path:
        """Where it lies when it is here."""
        return cache.snapshot(self.repo_id, self.commit) / self.name

    @property
    def key(self) -> str:
        """Its name in the cache: the hash. A mirror that lists none gives the name and commit instead."""
        return self.sha256 or self.git_sha1 or hashlib.sha256(f"{self.commit}/{self.name}".encode()).hexdigest()

    @property
    def blob(self) -> Path:
        """Where its bytes lie when they are here, whatever the commit."""
        return cache.repository(self.repo_id) / "blobs" / self.key

    @property
    def bytes_here(self) -> int:
        """How many of its bytes `fetch` would not ask for: none where it takes the place of a file that is here."""
        if self.path.is_symlink() or self.path.exists():
            return 0
        for path in (self.blob, cache.unfinished(self.repo_id, self.key)):
            with contextlib.suppress(OSError):
                return min(path.stat().st_size, self.size)
        return 0


class Watch(Protocol):
    """Whoever watches a download."""

    def moved(self, count: int) -> None:
        """So many more bytes are on the disk; below zero where some had to be thrown away.

        Raises:
            Cancelled: It is to stop. What is on the disk stays.
        """
        ...

    def wait(self, seconds: float, reason: str) -> None:
        """Wait before the next try.

        Args:
            seconds: How long.
            reason: Why, without a full stop.

        Raises:
            Cancelled: It is to stop.
        """
        ...


def fetch(file: HubFile, watch: Watch) -> None:
    """Bring a file into the cache, in place of a damaged one.

    Raises:
        Cancelled: The watch said so; the next call goes on with the byte after the last.
        EngineUnavailable: It came with another hash than the hub lists, twice.
        Exception: What huggingface_hub and its HTTP library raise, after `TRIES` where it may pass by itself.
    """
    _remove_damaged(file)
    if not file.blob.exists():
        part = cache.unfinished(file.repo_id, file.key)
        part.parent.mkdir(parents=True, exist_ok=True)
        _receive_whole(file, part, watch)
        part.replace(file.blob)
    _link(file)


def take_along(files: Iterable[HubFile], earlier: Path) -> set[Path]:
    """Link the files of a commit that are the same, by name and hash, in an earlier one's snapshot.

    Returns:
        The new links.
    """
    made: set[Path] = set()
    for file in files:
        before = earlier / file.name
        if file.path.is_symlink() or file.path.exists():
            continue
        if before.is_symlink():
            if cache.blob_of(before).name == file.key and file.blob.exists():
                _link(file)
                made.add(file.path)
        elif before.is_file() and matches(before, file):  # a file system without links
            file.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(before, file.path)
            except OSError:
                shutil.copyfile(before, file.path)
            made.add(file.path)
    return made


def patiently(
    work: Callable[[], _T], watch: Watch, has_moved: Callable[[], bool] = lambda: False, most: int = TRIES
) -> _T:
    """Do something that asks the hub, again where the connection was cut or the hub asks to wait.

    Args:
        work: What to do.
        watch: Waits, and may stop it.
        has_moved: Whether the last try brought anything, so that the count begins anew.
        most: Tries in all, that bring nothing.
    """
    tries = 0
    while True:
        try:
            return work()
        except Exception as error:
            tries = 1 if has_moved() else tries + 1
            seconds = _seconds_to_wait(error, tries)
            if seconds is None or tries >= most:
                raise
            log.info("a download waits %.0f s: %s", seconds, type(error).__name__)
            watch.wait(seconds, _reason(error))


def status_of(error: BaseException) -> int | None:
    """What the hub answered, where an error is an answer of it."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def matches(path: Path, file: HubFile, watch: Watch | None = None) -> bool:
    """Whether a file on the disk has the hash that the hub lists; its size where none is listed."""
    if path.stat().st_size != file.size:
        return False
    if not (file.sha256 or file.git_sha1):
        return True
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as content:
        while block := content.read(_READ_BYTES):
            digest.update(block)
            if watch is not None:
                watch.moved(0)
    return digest.hexdigest() == (file.sha256 or file.git_sha1)


class _CutOff(ConnectionError):
    """The answer ended too early."""


def _receive_whole(file: HubFile, part: Path, watch: Watch) -> None:
    for _ in range(2):
        before = _size(part)

        def has_moved() -> bool:
            nonlocal before
            earlier, before = before, _size(part)
            return before > earlier

        patiently(lambda: _receive(file, part, watch), watch, has_moved)
        if matches(part, file, watch):
            return
        log.warning("a file of %s came with another hash than the hub lists", file.repo_id)
        part.unlink()
        watch.moved(-file.size)
    raise EngineUnavailable(
        f"A file of {file.repo_id} came with other bytes than the hub lists for it, twice, and was thrown away; try"
        " again later, or over another network."
    )


def _receive(file: HubFile, part: Path, watch: Watch) -> None:
    """Ask for what is missing of a file, and write it behind what is there."""
    utils, constants = heavy.load("huggingface_hub.utils"), heavy.load("huggingface_hub.constants")
    here = _size(part)
    if here > file.size:
        part.unlink()
        here = 0
    if here == file.size and part.exists():
        return
    url = heavy.load("huggingface_hub").hf_hub_url(file.repo_id, file.name, revision=file.commit)
    headers = utils.build_hf_headers() | {"Accept-Encoding": "identity"}  # a part of something packed cannot go on
    if here:
        headers["Range"] = f"bytes={here}-"
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with utils.get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            watch.moved(-here)
            raise _CutOff("what was there does not belong to this file")
        utils.hf_raise_for_status(response)
        goes_on = response.status_code == HTTPStatus.PARTIAL_CONTENT
        if here and not goes_on:
            watch.moved(-here)
        with part.open("ab" if goes_on else "wb") as content:
            for chunk in response.iter_bytes(CHUNK_BYTES):
                content.write(chunk)
                watch.moved(len(chunk))
            content.flush()
            os.fsync(content.fileno())
    if _size(part) < file.size:
        raise _CutOff("the answer ended too early")


def _remove_damaged(file: HubFile) -> None:
    """Nobody asks for a file that is here and whole; so a link that is here leads to a damaged one."""
    if file.path.is_symlink() or file.path.exists():
        file.blob.unlink(missing_ok=True)
        file.path.unlink(missing_ok=True)
    if file.blob.exists() and file.blob.stat().st_size != file.size:
        file.blob.unlink()


def _link(file: HubFile) -> None:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.path.symlink_to(os.path.relpath(file.blob, file.path.parent))
    except FileExistsError:  # another program was faster
        return
    except OSError:  # Windows without the right to, and some file systems
        if file.blob.is_symlink():  # its bytes are not this repository's alone
            shutil.copyfile(file.blob, file.path)
        else:
            shutil.move(file.blob, file.path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _seconds_to_wait(error: BaseException, tries: int) -> float | None:
    """How long before another try; None where it would not help."""
    later = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (tries - 1))
    status = status_of(error)
    if status is not None:
        if status not in _PASSING:
            return None
        asked = _wait_asked_for(error)
        return later if asked is None else asked if asked <= _LONGEST_ASKED else None
    if type(error).__name__ == "OfflineModeIsEnabled":  # a ConnectionError
        return None
    return later if _is_about_the_connection(error) else None


def _wait_asked_for(error: Any) -> float | None:
    """What the hub says of its limit where nothing of that is left, else what it or a mirror says in Retry-After."""
    headers = error.response.headers
    if status_of(error) == HTTPStatus.TOO_MANY_REQUESTS:
        limit = heavy.load("huggingface_hub.utils").parse_ratelimit_headers(headers)
        if limit is not None and limit.remaining == 0:
            return float(limit.reset_in_seconds + 1)  # told in whole seconds
    value = str(headers.get("Retry-After", "")).strip()
    if value.isdecimal():
        return float(value)
    with contextlib.suppress(ValueError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    return None


def _is_about_the_connection(error: BaseException) -> bool:
    """By name, for huggingface_hub 1 and 2 speak through two libraries of the same classes."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, ConnectionError | TimeoutError) or "TransportError" in names


def _reason(error: BaseException) -> str:
    status = status_of(error)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "The hub asks to wait"
    return "The connection was cut" if status is None else f"The hub answered {status}"

"""A hub on loopback that serves folders as repositories, as far as huggingface_hub asks, and fails when it is told to.

    python -m tests.fake_hub FOLDER [BYTES_PER_SECOND]

serves FOLDER until Ctrl-C, for a look at the Models page with HF_ENDPOINT set to the address that is printed.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34
_LARGE = 1000  # bytes from which a file is listed with its SHA-256, as those of Git LFS are
_PIECE = 16 * 1024


@dataclass
class Fault:
    """Something that goes wrong with addresses that hold a word.

    Attributes:
        where: In the address; "" is every file.
        times: How often; then it is over.
        status: Answer with this instead of the file.
        headers: Of that answer.
        cut_after: Bytes of a file after which the connection is dropped.
        flipped: Send other bytes of the same size.
        silent: Seconds that pass before the answer.
    """

    where: str = ""
    times: int = 1
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    flipped: bool = False
    silent: float = 0.0


class FakeHub(ThreadingHTTPServer):
    """Serves every folder below `root` as the repository tiny/<folder>, at one commit, which is also main.

    Attributes:
        requests: (method, path, authorization) of everything that was asked for.
        ranges: The Range of every file that was asked for in part.
        faults: What goes wrong, the first that fits first.
        broken_after: Bytes after which the connection is dropped, for every file; None for never.
        status: Answer to everything instead, such as 503.
        pace: Bytes a second of every file; 0 for as many as there can be.
        lists_files: Whether it tells sizes and hashes, as some mirrors do not.
        goes_on: Whether a file can be asked for in part.
        commit: What main is.
        also: An earlier commit, of the same files.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.requests: list[tuple[str, str, str]] = []
        self.ranges: list[str] = []
        self.faults: list[Fault] = []
        self.broken_after: int | None = None
        self.status: int | None = None
        self.pace = 0.0
        self.lists_files = True
        self.goes_on = True
        self.commit = COMMIT
        self.also = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def fetched(self) -> list[str]:
        """Files that were downloaded, repository first."""
        return [
            re.sub(r"/resolve/[^/]+", "", path)
            for method, path, _ in self.requests
            if method == "GET" and "/resolve/" in path
        ]

    def fault_of(self, path: str) -> Fault | None:
        """What goes wrong with this request; it counts as one time."""
        for fault in self.faults:
            if fault.times > 0 and fault.where in path:
                fault.times -= 1
                return fault
        return None

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


@contextmanager
def serve(root: Path) -> Iterator[FakeHub]:
    hub = FakeHub(root)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for its headers to be acknowledged

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append((self.command, path, self.headers.get("Authorization", "")))
        fault = self.server.fault_of(path)
        if fault is not None:
            time.sleep(fault.silent)
        if self.server.status:
            self._send(self.server.status, b"{}")
        elif fault is not None and fault.status:
            self._send(fault.status, b"{}", fault.headers)
        elif match := re.fullmatch(r"/api/models/tiny/([^/]+)(?:/revision/([^/]+))?", path):
            self._model_info(match[1], match[2] or "main")
        elif match := re.fullmatch(r"/tiny/([^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(match[1], match[2], match[3], fault)
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _found(self, name: str, revision: str) -> Path | None:
        folder = self.server.root / name
        if not folder.is_dir():
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", self.server.commit, self.server.also):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        else:
            return folder
        return None

    def _model_info(self, name: str, revision: str) -> None:
        folder = self._found(name, revision)
        if folder is None:
            return
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        siblings = [
            {"rfilename": path.relative_to(folder).as_posix()}
            | (_listed(path.read_bytes()) if self.server.lists_files else {})
            for path in files
        ]
        sha = self.server.commit if revision == "main" else revision
        self._send(200, json.dumps({"id": f"tiny/{name}", "sha": sha, "siblings": siblings}).encode())

    def _file(self, name: str, revision: str, inside: str, fault: Fault | None) -> None:
        folder = self._found(name, revision)
        if folder is None:
            return
        path = folder / inside
        if not path.is_file():
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        content = path.read_bytes()
        headers = {"X-Repo-Commit": self.server.commit, "ETag": f'"{_hash(content)}"', "Accept-Ranges": "bytes"}
        if fault is not None and fault.flipped:
            content = bytes(byte ^ 1 for byte in content)
        limit = self.server.broken_after if fault is None or fault.cut_after is None else fault.cut_after
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if start and self.server.goes_on:
            self.server.ranges.append(start[0])
            headers["Content-Range"] = f"bytes {start[1]}-{len(content) - 1}/{len(content)}"
            self._send(206, content[int(start[1]) :], headers, limit)
        else:
            self._send(200, content, headers, limit)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, limit: int | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        is_cut = limit is not None and len(body) > limit
        for start in range(0, len(body[:limit]), _PIECE):
            self.wfile.write(body[:limit][start : start + _PIECE])
            if self.server.pace:
                time.sleep(_PIECE / self.server.pace)
        if is_cut:
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()


def _hash(content: bytes) -> str:
    if len(content) >= _LARGE:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _listed(content: bytes) -> dict[str, object]:
    size = len(content)
    if size < _LARGE:
        return {"size": size, "blobId": _hash(content)}
    lfs = {"sha256": _hash(content), "size": size, "pointerSize": 130}
    return {"size": size, "blobId": hashlib.sha1(content, usedforsecurity=False).hexdigest(), "lfs": lfs}


if __name__ == "__main__":
    with serve(Path(sys.argv[1])) as _hub:
        _hub.pace = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
        print(_hub.url, flush=True)
        threading.Event().wait()

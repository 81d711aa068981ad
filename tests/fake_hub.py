"""A hub on loopback that serves folders as repositories, as far as huggingface_hub asks."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34


class FakeHub(ThreadingHTTPServer):
    """Serves every folder below `root` as the repository tiny/<folder>, at one commit, which is also main.

    Attributes:
        requests: (method, path, authorization) of everything that was asked for.
        broken_after: Bytes after which the connection is dropped, for every file; None for never.
        status: Answer to everything instead, such as 503.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.requests: list[tuple[str, str, str]] = []
        self.broken_after: int | None = None
        self.status: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def fetched(self) -> list[str]:
        """Files that were downloaded, repository first."""
        return [
            path.replace(f"/resolve/{COMMIT}", "")
            for method, path, _ in self.requests
            if method == "GET" and "/resolve/" in path
        ]

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

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append((self.command, path, self.headers.get("Authorization", "")))
        if self.server.status:
            self._send(self.server.status, b"{}")
        elif match := re.fullmatch(r"/api/models/tiny/([^/]+)(?:/revision/([^/]+))?", path):
            self._model_info(match[1], match[2] or "main")
        elif match := re.fullmatch(r"/tiny/([^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(match[1], match[2], match[3])
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _found(self, name: str, revision: str) -> Path | None:
        folder = self.server.root / name
        if not folder.is_dir():
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", COMMIT):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        else:
            return folder
        return None

    def _model_info(self, name: str, revision: str) -> None:
        folder = self._found(name, revision)
        if folder is None:
            return
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        siblings = [{"rfilename": path.relative_to(folder).as_posix(), "size": path.stat().st_size} for path in files]
        self._send(200, json.dumps({"id": f"tiny/{name}", "sha": COMMIT, "siblings": siblings}).encode())

    def _file(self, name: str, revision: str, inside: str) -> None:
        folder = self._found(name, revision)
        if folder is None:
            return
        path = folder / inside
        if not path.is_file():
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        content = path.read_bytes()
        headers = {
            "X-Repo-Commit": COMMIT,
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "Accept-Ranges": "bytes",
        }
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if start:
            headers["Content-Range"] = f"bytes {start[1]}-{len(content) - 1}/{len(content)}"
            self._send(206, content[int(start[1]) :], headers)
        else:
            self._send(200, content, headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        limit = self.server.broken_after
        if limit is not None and status < 300 and "X-Repo-Commit" in (headers or {}) and len(body) > limit:
            self.wfile.write(body[:limit])
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(body)

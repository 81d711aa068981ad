"""The real app in a process, a home and a temporary folder of its own, and visitors who speak plain HTTP with it."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
CUT_NETWORK = Path(__file__).parent / "cut_network"  # on PYTHONPATH
SHORT_LINE = 2  # how many may wait where tests fill the line
TOY_SIZE = 256  # pixels of a portrait, where a test is not about its looks
TOY_PREVIEW = 160  # of a live picture
TOY_TILE = 64  # at which a tile is painted
TOY_APP = Path(__file__).parent / "toy_app.py"
PATIENCE = 120.0  # for a machine that is busy with something else


def wait_until(true: Callable[[], bool], what: str, seconds: float = PATIENCE) -> float:
    """Poll; returns the seconds it took."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - started


class Site:
    """app.py as an operator starts it. All that it can write lies below one folder.

    Args:
        root: Folder for its home, temporary folder, working folder and log.
        script: What to start instead of app.py.
        settings: More environment variables.
    """

    def __init__(self, root: Path, script: Path = ROOT / "app.py", **settings: str) -> None:
        self.root = root
        self._script = script
        for name in ("home", "tmp", "cwd"):
            (root / name).mkdir(parents=True, exist_ok=True)
        self._settings = settings
        self.attempts = root / "network.log"
        self.start()

    def start(self) -> None:
        """Start it, or start it once more, on a free port."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GRADIO_", "STUDIO_", "XDG_", "HF_"))}
        for name in (
            "DO_NOT_TRACK",
            "DISABLE_TELEMETRY",
            "ORT_DISABLE_TELEMETRY",
        ):  # that these are set is the app's own business
            inherited.pop(name, None)
        environment = inherited | {
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "PYTHONPATH": str(CUT_NETWORK),
            "NETWORK_LOG": str(self.attempts),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "STUDIO_MODEL": "preview",
            **self._settings,
        }
        with (self.root / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(self._script), "--port", str(port)],
                cwd=self.root / "cwd",
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._answers, "the app did not start")

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return httpx.get(f"{self.url}/config", verify=False).is_success
        except httpx.TransportError:
            return False

    @property
    def log(self) -> str:
        """What it has said until now, stdout and stderr."""
        return (self.root / "log.txt").read_text("utf-8", "replace")

    def end(self, number: int) -> int:
        """Send a signal, wait for the end, return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """End it if it still runs."""
        self.end(signal.SIGKILL)


class Visitor:
    """Somebody with a browser's cookies and a session of their own, who can also send what no browser would."""

    def __init__(self, url: str, session: str | None = None) -> None:
        self.http = httpx.Client(
            base_url=url, timeout=PATIENCE, verify=False
        )  # a client reads all certificates otherwise
        self.session = session or secrets.token_hex(6)
        self.page = self.http.get("/").text
        self.config = self.http.get("/config").json()
        self.key = ""
        self.portrait = b""

    def join(self, name: str, *data: Any, session: str | None = None, **event: Any) -> httpx.Response:
        """Ask for an event by the name of its handler; inputs that are left out have what the page shows at first."""
        _, body = self._event(name, data, session, event)
        return self.http.post("/gradio_api/queue/join", json=body)

    def press(self, name: str, *data: Any) -> httpx.Response:
        """Ask for an event as the page does: past the queue where it is not for the queue."""
        wanted, body = self._event(name, data, None, {})
        return self.http.post(f"/gradio_api/{'queue/join' if wanted['queue'] else f'run/{name}'}", json=body)

    def _event(self, name: str, data: tuple[Any, ...], session: str | None, event: dict[str, Any]) -> Any:
        wanted = next(d for d in self.config["dependencies"] if d["api_name"] == name)
        shown = {component["id"]: component["props"].get("value") for component in self.config["components"]}
        values = [*data, *(shown[component] for component in wanted["inputs"][len(data) :])]
        body = {"data": values, "fn_index": wanted["id"], "session_hash": session or self.session, "event_data": event}
        return wanted, body

    def listen(self, session: str | None = None) -> str:
        """What the event stream of a session says until the answer is complete."""
        lines = []
        with self.http.stream(
            "GET", "/gradio_api/queue/data", params={"session_hash": session or self.session}
        ) as said:
            if not said.is_success:
                return ""
            for line in said.iter_lines():
                lines.append(line)
                if "process_completed" in line or "close_stream" in line or "unexpected_error" in line:
                    break
        return "\n".join(lines)

    def call(self, name: str, *data: Any, **event: Any) -> str:
        """An event, from start to end. Returns what the stream said."""
        answer = self.join(name, *data, **event)
        assert answer.is_success, answer.text
        return self.listen()

    def agree(self) -> str:
        """Give consent; returns the key of the visit."""
        said = self.call("agree", True, *LOOK)
        self.key = said.split('"key":"', 1)[1].split('"', 1)[0]
        return self.key

    def send_photo(self, photo: bytes, key: str | None = None) -> httpx.Response:
        """The photo as the page sends it."""
        headers = {"X-Studio-Key": self.key if key is None else key}
        return self.http.post("/studio/photo", content=photo, headers=headers)

    def upload(self, name: str, data: bytes) -> str:
        """A file as gradio_client sends it; returns the path that events are told."""
        answer = self.http.post("/gradio_api/upload", files={"files": (name, data)}, headers={"X-Studio-Key": self.key})
        assert answer.is_success, answer.text
        return answer.json()[0]

    def create(self, words: str = "") -> str:
        """Make a portrait; returns its address."""
        said = self.call("create", *LOOK, 1, "auto", 5, False, words, False)
        found = re.search(r"studio/portrait/[\w-]+/\w+\.png", said)
        assert found, said[-2000:]
        return "/" + found.group(0)

    @property
    def cookie(self) -> str:
        """The word by which the site tells this browser."""
        [word] = [word for name, word in self.http.cookies.items() if name.startswith("studio_visitor")]
        return word

    def close(self) -> None:
        self.http.close()


LOOK = ("storybook", "none", 0.5)

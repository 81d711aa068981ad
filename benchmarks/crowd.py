"""Visitors without a browser: each opens the page, agrees, uploads a photo of its own and presses Create, over HTTP.

They send what the page sends, to the same addresses, so that what they are told is what stands on the screen.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from skimage import data

from pipelines.photo.opening import open_photo
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.schema import Consent
from pipelines.self_portrait import SelfPortraitPipeline

ROOT = Path(__file__).resolve().parents[1]
STYLE, SEED = "film-noir", 7
_PLACE = re.compile(r"You are (next|\d+\w\w) in line(?:, about (\d+) (s|min))?")
_KEY = re.compile(r'"key":\s*"([\w-]{20,})"')
_PORTRAIT = re.compile(r"studio/portrait/([\w-]+)/([0-9a-f]+)\.png")
_ALERT = re.compile(r'notice alert\\?" role=\\?"alert\\?">([^<]+)<')


@contextmanager
def running_app(temp: Path, **settings: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The app in a process of its own; yields its address and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "STUDIO_TEMP_DIR": str(temp), **settings}
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", url.rsplit(":", 1)[1]],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(360):
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
                break
            if process.poll() is not None:
                raise SystemExit("The app does not start; see python app.py.")
            time.sleep(0.25)
        yield url, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@cache
def sitter(number: int) -> bytes:
    """A JPEG of 640 x 640 pixels of scikit-image's astronaut, different for every number: cut, turned and lit anew."""
    chance = random.Random(number)
    while len(open_photo(shot := _shot(chance)).faces) != 1:  # a badge taken for a face, now and then
        pass
    return shot


def _shot(chance: random.Random) -> bytes:
    photo = Image.fromarray(data.astronaut())
    photo = photo.rotate(chance.uniform(-12, 12), Image.Resampling.BICUBIC)
    left, top, side = chance.randint(10, 80), chance.randint(0, 20), chance.randint(330, 430)
    photo = photo.crop((left, top, left + side, top + side)).resize((640, 640), Image.Resampling.LANCZOS)
    if chance.random() < 0.5:
        photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    levels = np.asarray(photo, np.float32) * chance.uniform(0.75, 1.2) + chance.uniform(-12, 12)
    buffer = io.BytesIO()
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def expected(presets: Presets, count: int, folder: Path) -> list[Image.Image]:
    """What each sitter's portrait must look like: the same photo, style and seed give the same picture."""
    pipeline = SelfPortraitPipeline(presets, folder)
    consent = Consent(
        id="benchmark", session="benchmark", granted_at=datetime.now(UTC), notice_version="-", notice_sha256="0" * 64
    )
    pictures: list[Image.Image] = []
    for number in range(count):
        photo = open_photo(sitter(number))
        wanted = build_request(photo=photo, style_id=STYLE, seeds=(SEED,), model_id="preview", consent=consent)
        with Image.open(pipeline(wanted).portraits[0].path) as picture:
            pictures.append(picture.convert("RGB"))
    pipeline.close()
    return pictures


@dataclass
class Told:
    """One line about the place in line, as the visitor read it."""

    at: float
    position: int
    seconds: float | None


@dataclass
class Visit:
    """What became of one visitor. Times are seconds since Create was pressed.

    Attributes:
        refusals: Sentences of alerts that were shown.
        last: The last message of the server, as it came.
        served: When the portrait was there; None where there was none.
    """

    number: int
    told: list[Told] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    served: float | None = None
    portrait: Image.Image | None = None
    key: str = ""
    keys_seen: set[str] = field(default_factory=set)
    last: str = ""


class Visitor:
    """One page, opened by one visitor.

    Args:
        url: Of the app.
        number: Which sitter; also makes the session's name.
    """

    def __init__(self, url: str, number: int, client: httpx.AsyncClient) -> None:
        self._http = client
        self._url = url
        self.session = f"visitor{number:04d}{random.SystemRandom().randrange(16**8):08x}"
        self.visit = Visit(number)
        self._config: dict[str, Any] = {}
        self._heart: asyncio.Task[None] | None = None

    async def enter(self) -> None:
        """Open the page, agree, upload."""
        (await self._http.get(f"{self._url}/")).raise_for_status()
        self._config = (await self._http.get(f"{self._url}/config")).json()
        self._heart = asyncio.create_task(self._beat())
        said = await self.event("consent", "input", consent=True)
        found = _KEY.search("".join(said))
        assert found is not None, f"the consent was not taken: {said[-1:]}"
        self.visit.key = found[1]
        headers = {"X-Studio-Key": self.visit.key}
        answer = await self._http.post(f"{self._url}/studio/photo", content=sitter(self.visit.number), headers=headers)
        answer.raise_for_status()
        await self.event("photo", "arrived", style=STYLE)
        await self.event("advanced", "expand")  # the list of engines is not known before

    async def create(self, *, variations: int = 1) -> None:
        """Press Create and wait for the portrait, or for what is said instead."""
        began = time.monotonic()
        words = {"style": STYLE, "model": "preview", "seed": SEED, "seed-random": False, "variations": variations}
        for line in await self.event("create", "click", began=began, **words):
            self._read(line)
            self.visit.last = line or self.visit.last
        if found := [match for match in self._portraits if match[0] == self.visit.key]:
            self.visit.served = time.monotonic() - began
            answer = await self._http.get(f"{self._url}/studio/portrait/{found[-1][0]}/{found[-1][1]}.png")
            self.visit.portrait = Image.open(io.BytesIO(answer.raise_for_status().content)).convert("RGB")

    async def leave(self) -> None:
        """Close the page."""
        if self._heart is not None:
            self._heart.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._heart

    _portraits: list[tuple[str, str]]

    async def event(self, elem_id: str, name: str, *, began: float = 0.0, **values: Any) -> list[str]:
        """Send one of the page's events and collect what comes back, line by line."""
        self._portraits = []
        parts = {part["id"]: part["props"] for part in self._config["components"]}
        ids = {props.get("elem_id"): number for number, props in parts.items()}
        call = next(d for d in self._config["dependencies"] if [ids[elem_id], name] in [list(t) for t in d["targets"]])
        inputs = [values.get(parts[i].get("elem_id"), parts[i].get("value")) for i in call["inputs"]]
        body = {"data": inputs, "fn_index": call["id"], "session_hash": self.session, "event_data": None}
        join = await self._http.post(f"{self._url}/gradio_api/queue/join", json=body)
        join.raise_for_status()
        lines: list[str] = []
        stream = self._http.stream("GET", f"{self._url}/gradio_api/queue/data", params={"session_hash": self.session})
        async with stream as answer:
            async for line in answer.aiter_lines():
                lines.append(line)
                if began and (place := _PLACE.search(line)):
                    position = 1 if place[1] == "next" else int(place[1][:-2])
                    seconds = float(place[2]) * (60 if place[3] == "min" else 1) if place[2] else None
                    self.visit.told.append(Told(time.monotonic() - began, position, seconds))
                if "process_completed" in line or "close_stream" in line:
                    break
        return lines

    def _read(self, line: str) -> None:
        self._portraits += _PORTRAIT.findall(line)
        self.visit.keys_seen |= {key for key, _ in _PORTRAIT.findall(line)}
        if alert := _ALERT.search(line):
            self.visit.refusals.append(json.loads(f'"{alert[1]}"') if "\\" in alert[1] else alert[1])

    async def _beat(self) -> None:
        """The connection by which the server knows that the page is open."""
        async with self._http.stream("GET", f"{self._url}/gradio_api/heartbeat/{self.session}") as answer:
            async for _ in answer.aiter_bytes():
                pass


async def all_at_once(url: str, count: int, *, tries: int = 1, pause: float = 2.0) -> list[Visit]:
    """`count` visitors who press Create in the same moment; one who is refused tries again, `tries` times in all."""
    everybody_is_here = asyncio.Event()
    arrived = 0

    async def one(number: int) -> Visit:
        nonlocal arrived
        # A client of its own for each: its cookies and its connections are nobody else's.
        async with httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=6)) as client:
            visitor = Visitor(url, number, client)
            await visitor.enter()
            arrived += 1
            if arrived == count:
                everybody_is_here.set()
            await everybody_is_here.wait()
            for turn in range(tries):
                if turn:
                    await asyncio.sleep(pause)
                await visitor.create()
                if visitor.visit.served is not None:
                    break
            await visitor.leave()
            return visitor.visit

    return list(await asyncio.gather(*(one(number) for number in range(count))))


def whose(picture: Image.Image, pictures: list[Image.Image]) -> int:
    """The number of the expected picture that is nearest to this one."""
    small = [np.asarray(one.resize((96, 96)), np.float32) for one in (picture, *pictures)]
    return int(np.argmin([np.abs(small[0] - other).mean() for other in small[1:]]))

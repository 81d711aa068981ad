"""Broken and hostile pictures, through the function and through the address that the page sends them to."""

from __future__ import annotations

import asyncio
import io
import struct
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from benchmarks import fuzz
from pipelines.errors import PhotoUnreadable
from pipelines.photo.opening import MAX_PIXELS, open_photo
from tests.support.searches import cases, search
from tests.support.site import ROOT, Site, Visitor
from tests.support.sweeps import sweep

ORIGINALS = fuzz.originals()


def bent(full: int) -> range:
    """Numbers of cases that are no sound files."""
    return range(len(ORIGINALS), len(ORIGINALS) + cases(full))


def test_every_variety_that_is_bent_below_is_sound_to_begin_with() -> None:
    kinds = set()
    for original in ORIGINALS:
        assert fuzz.attempt(original, whole=False) == "opened"
        with Image.open(io.BytesIO(original)) as image:
            kinds.add(image.format)
    assert kinds >= {"JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "HEIF", "AVIF"}


def test_bent_files_are_opened_or_refused_with_a_sentence() -> None:
    made = fuzz.Cases(seed=2026)
    became = {fuzz.attempt(made.make(number), whole=number % 25 == 0) for number in bent(250)}
    assert became == {"opened", "photo-unreadable"}


@search(150)
@given(st.binary(max_size=400), st.sampled_from(fuzz._MAGIC))
@example(b"", b"")
@example(b"\0" * 300, b"\xff\xd8\xff\xe0")
def test_bytes_that_only_begin_like_a_picture_are_refused(rest: bytes, magic: bytes) -> None:
    assert fuzz.attempt(magic + rest, whole=False) == "photo-unreadable"


@search(60)
@given(st.sampled_from(ORIGINALS), st.floats(0, 0.99))
def test_a_file_that_was_cut_off_anywhere(original: bytes, part: float) -> None:
    assert fuzz.attempt(original[: int(len(original) * part)], whole=False) in ("opened", "photo-unreadable")


@pytest.mark.parametrize("colour", [2, 6])
def test_a_bomb_is_refused_before_it_is_unpacked(colour: int) -> None:
    side = int(MAX_PIXELS**0.5) + 1
    bomb = fuzz.png(side, side, colour=colour, rows=200)
    assert len(bomb) < 20_000
    before = psutil.Process().memory_info().rss
    with pytest.raises(PhotoUnreadable, match="megapixels"):
        open_photo(bomb)
    assert psutil.Process().memory_info().rss - before < 60 * 2**20


def test_text_in_a_file_cannot_be_a_bomb() -> None:
    packed = fuzz.chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * 200_000_000))
    before = psutil.Process().memory_info().rss
    assert fuzz.attempt(fuzz.png(80, 80, extra=packed), whole=False) in ("opened", "photo-unreadable")
    assert psutil.Process().memory_info().rss - before < 60 * 2**20


_PEAK = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from PIL import Image
from pipelines.photo.opening import open_photo

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

open_photo(Image.effect_noise((600, 600), 40).convert("RGB"))  # libraries and models
for name in sys.argv[2:]:
    before = peak()
    with ThreadPoolExecutor(int(sys.argv[1])) as threads:
        list(threads.map(open_photo, [name] * int(sys.argv[1])))
    print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("side", "most"), [(4000, 220), (8000, 450)])
def test_no_mode_of_many_megapixels_takes_more_than_its_pixels_and_a_little(
    tmp_path: Path, side: int, most: int
) -> None:
    modes: dict[str, dict[str, Any]] = {"P": {"transparency": b"\x80" * 256}, "LA": {}, "CMYK": {}, "F": {}}
    paths = []
    for mode, options in modes.items():
        tiff = mode in ("CMYK", "F")
        if tiff:
            options["compression"] = "tiff_adobe_deflate"
        paths.append(tmp_path / f"{mode}.{'tif' if tiff else 'png'}")
        Image.new(mode, (side, side)).save(paths[-1], **options)
        assert paths[-1].stat().st_size < 10**6
    more = peaks(1, *paths)
    assert sum(more) < most, f"MB more at the peak for {list(modes)}: {more}"


@pytest.mark.slow
@pytest.mark.parametrize(("side", "most"), [(4000, 500), (8000, 500)])
def test_six_threads_at_once_take_what_two_pictures_take(tmp_path: Path, side: int, most: int) -> None:
    path = tmp_path / "palette.png"
    Image.new("P", (side, side)).save(path, transparency=b"\x80" * 256)
    assert peaks(6, path)[0] < most


def peaks(threads: int, *paths: Path) -> list[int]:
    """MB by which the peak of a fresh process rises with each picture, opened in so many threads at once."""
    # Through a small process: a peak is inherited from the one that starts it, and this one's may be large.
    starts = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
    command = [sys.executable, "-c", starts, sys.executable, "-c", _PEAK, str(threads), *map(str, paths)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    more = [int(line) for line in said.stdout.split()]
    assert len(more) == len(paths)
    return more


class Opened:
    """Counts how many pictures are being opened at the same time, and holds each of them for a moment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, until: threading.Event | None = None) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()
        self._until = until
        self._real = Image.open
        monkeypatch.setattr("PIL.Image.open", self)

    def __call__(self, *arguments: Any, **options: Any) -> Image.Image:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        if self._until is None:
            time.sleep(0.1)
        else:
            self._until.wait(60)
        with self._lock:
            self.now -= 1
        return self._real(*arguments, **options)


@pytest.mark.parametrize(("kind", "most"), sweep([("PNG", 2), ("WEBP", 1), ("HEIF", 1), ("AVIF", 1)], 2, several=True))
def test_so_many_are_unpacked_at_once_and_no_more(
    face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, most: int
) -> None:
    path = tmp_path / "photo"
    face_photo.save(path, kind)
    sources = [path, path.read_bytes()] * 4
    opened = Opened(monkeypatch)
    with ThreadPoolExecutor(len(sources)) as threads:
        assert all(photo.faces for photo in threads.map(open_photo, sources))
    assert opened.most == most


def test_whoever_finds_no_place_is_told_and_the_next_is_served(
    face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer, go = io.BytesIO(), threading.Event()
    face_photo.save(buffer, "PNG")
    with monkeypatch.context() as patches, ThreadPoolExecutor(2) as threads:
        opened = Opened(patches, until=go)
        patches.setattr("pipelines.photo.decoding._PLACE_SECONDS", 0.05)
        held = [threads.submit(open_photo, buffer.getvalue()) for _ in range(2)]
        try:
            while opened.now < 2:
                time.sleep(0.01)
            with pytest.raises(PhotoUnreadable, match="again in a minute"):
                open_photo(buffer.getvalue())
        finally:
            go.set()
        assert all(photo.result().faces for photo in held)
    assert open_photo(buffer.getvalue()).faces


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), 3e38, -3e38])
def test_a_picture_of_numbers_that_are_none(number: float) -> None:
    image = Image.new("F", (100, 100), 0.5)
    image.paste(number, (10, 10, 60, 60))
    buffer = io.BytesIO()
    image.save(buffer, "TIFF")
    assert struct.pack("<f", number) in buffer.getvalue()
    assert open_photo(buffer.getvalue()).image.size == (100, 100)


@pytest.mark.slow
@pytest.mark.parametrize("first", [30, 120])
def test_opening_many_leaves_no_memory_behind(first: int) -> None:
    made, process = fuzz.Cases(seed=4), psutil.Process()
    for number in range(first):
        fuzz.attempt(made.make(number), whole=False)
    settled, files = process.memory_info().rss, process.num_fds()
    for number in range(first, 3 * first):
        fuzz.attempt(made.make(number), whole=False)
    assert process.memory_info().rss - settled < 80 * 2**20
    assert process.num_fds() - files < 20


def test_the_address_answers_every_bent_file_with_a_photo_or_a_sentence(site: Site) -> None:
    answers = asyncio.run(fuzz.over_http(site.url, fuzz.Cases(seed=11), bent(90)))
    assert set(answers) == {"200", "422"}
    assert site.process.poll() is None


def test_a_program_that_sends_and_never_asks_fills_no_disk(site: Site, visitor: Any) -> None:
    guest: Visitor = visitor()
    guest.agree()
    paths = [Path(guest.upload("a.jpg", b"x" * 1000)) for _ in range(6)]
    assert [path.exists() for path in paths] == [False] * 4 + [True] * 2

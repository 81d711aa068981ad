"""Broken and hostile pictures against the upload path, for as long as you like.

    python -m benchmarks.fuzz [--minutes 10] [--seed 1]

Real files of every format that is taken in, then bent: bits flipped, cut off, spliced, sizes in the header raised, the
magic number of another format, garbage for EXIF and colour profile, decompression bombs. Each goes through open_photo
and, now and then, prepare, in a process of its own, so that a crash of a decoder is seen and named by its case; some go
to the running app over HTTP as well. Prints cases, what became of them and memory; the exit status is 1 after a crash,
an error that is no PortraitError, an answer of the app that is no sentence, or a leak.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import psutil
from PIL import Image, ImageCms
from skimage import data as sample

from benchmarks.crowd import ROOT, Visitor, running_app
from pipelines.errors import PortraitError
from pipelines.photo.opening import MAX_BYTES, open_photo, prepare

_SETTLED = 300  # cases after which decoders and models have all that they need
_LEAK_MB = 150.0
_MAGIC: tuple[bytes, ...] = (
    *(
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
        b"BM",
        b"%PDF-1.7",
    ),
    *(b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypavif", b"<svg>", b"\0\0\0\x0cjP  \r\n\x87\n", b"8BPS"),
)
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF, 0x7FFFFFFF, 0xFFFFFFFF, 8000, 65500)


def originals() -> list[bytes]:
    """Sound files of every format, in many of its varieties."""
    face = Image.fromarray(sample.astronaut()).resize((200, 192))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "x" * 300
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    frames = [face.rotate(turn).convert("P") for turn in (10, 20)]
    deep = Image.fromarray(np.asarray(face.convert("L"), np.uint16) * 257)
    clear = face.copy()
    clear.putalpha(Image.linear_gradient("L").resize(face.size))
    varieties: list[tuple[Image.Image, str, dict[str, object]]] = [
        (face, "JPEG", {"exif": exif, "icc_profile": profile}),
        (face, "JPEG", {"progressive": True, "subsampling": 0}),
        (face.convert("CMYK"), "JPEG", {}),
        (face.convert("L"), "JPEG", {}),
        (face, "PNG", {"exif": exif, "icc_profile": profile}),
        (clear, "PNG", {}),
        (face.convert("P"), "PNG", {"transparency": 3}),
        (deep, "PNG", {}),
        (face.convert("1"), "PNG", {}),
        (frames[0], "PNG", {"save_all": True, "append_images": frames}),
        (face, "WEBP", {"exif": exif, "icc_profile": profile}),
        (clear, "WEBP", {"lossless": True}),
        (face, "WEBP", {"save_all": True, "append_images": [face.rotate(5)]}),
        (frames[0], "GIF", {"save_all": True, "append_images": frames, "transparency": 1}),
        (face, "TIFF", {"compression": "tiff_lzw", "exif": exif}),
        (face, "TIFF", {"compression": "tiff_adobe_deflate", "icc_profile": profile}),
        (face, "TIFF", {"compression": "jpeg"}),
        (face, "TIFF", {"compression": "packbits"}),
        (face.convert("1"), "TIFF", {"compression": "group4"}),
        (face.convert("F"), "TIFF", {}),
        (deep, "TIFF", {"save_all": True, "append_images": [deep]}),
        (face, "BMP", {}),
        (face.convert("P"), "BMP", {}),
        (face, "HEIF", {"exif": exif.tobytes()}),
        (clear, "HEIF", {}),
        (face, "AVIF", {"exif": exif.tobytes(), "icc_profile": profile, "speed": 9}),
        (clear, "AVIF", {"speed": 9}),
    ]
    files = []
    for image, kind, how in varieties:
        buffer = io.BytesIO()
        image.save(buffer, kind, **how)
        files.append(buffer.getvalue())
    return files


def png(width: int, height: int, *, colour: int = 2, rows: int | None = None, extra: bytes = b"") -> bytes:
    """A PNG of one colour, of any size, in a few kB."""
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    packer, packed = zlib.compressobj(9), b""
    for _ in range(height if rows is None else rows):
        packed += packer.compress(b"\0" * (1 + width * channels))
    body = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)), (b"IDAT", packed + packer.flush())]
    chunks = b"".join(chunk(name, content) for name, content in body)
    return b"\x89PNG\r\n\x1a\n" + chunks + extra + chunk(b"IEND", b"")


def chunk(name: bytes, content: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bombs(chance: random.Random) -> bytes:
    """Small files that would become very large, or keep a decoder busy."""
    wide = chance.choice([4000, 8000, 20000, 60000])
    kinds: list[Callable[[], bytes]] = [
        lambda: png(wide, wide, rows=20),
        lambda: png(8200, 8200, colour=6, rows=40),  # over the limit
        lambda: png(1, 60000),
        lambda: png(64, 64, extra=chunk(b"zTXt", b"x\0\0" + zlib.compress(b"\0" * 30_000_000))),
        lambda: png(64, 64, extra=chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 30_000_000))),
        lambda: png(80, 80, extra=chunk(b"tEXt", b"k\0v") * 20_000),
        lambda: png(100, 100, rows=0),
        lambda: b"II*\0\x08\0\0\0\x01\0\0\x01\x04\0\x01\0\0\0\x40\0\0\0\x08\0\0\0",  # a directory that follows itself
        lambda: b"GIF89a\xff\xff\xff\xff\x80\0\0" + b"\0" * 6 + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0;",
        lambda: b"\xff\xd8" + b"\xff\xe1\xff\xff" + b"Exif\0\0" * 9000 + b"\xff\xd9",
        lambda: b"\xff\xd8\xff\xdb" + b"\xff\xd8\xff\xdb" * 20_000,
        lambda: b"RIFF\xff\xff\xff\xffWEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\xff\xff\xff\xff\xff",
        lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\xff\xff\xff\xffmeta" + os.urandom(64),
    ]
    return chance.choice(kinds)()


def bent(original: bytes, other: bytes, chance: random.Random) -> bytes:
    """One file with one to four faults."""
    raw = bytearray(original)
    for _ in range(chance.choice((1, 1, 2, 4))):
        where = chance.randrange(max(1, len(raw)))
        early = chance.randrange(min(len(raw), 600) or 1)  # headers
        match chance.randrange(11):
            case 0:
                raw = raw[:where]
            case 1:
                for _ in range(chance.choice((1, 8, 64))):
                    if raw:
                        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            case 2:
                if raw:
                    raw[early] = chance.randrange(256)
            case 3:
                raw[early : early + 4] = struct.pack(chance.choice("<>") + "I", chance.choice(_NUMBERS))
            case 4:
                raw[early : early + 2] = struct.pack(chance.choice("<>") + "H", chance.choice(_NUMBERS) & 0xFFFF)
            case 5:
                raw[where:where] = raw[early : early + chance.randrange(2000)]
            case 6:
                del raw[where : where + chance.choice((1, 7, 500))]
            case 7:
                raw[where:] = other[chance.randrange(len(other)) :]
            case 8:
                magic = chance.choice(_MAGIC)
                raw[: len(magic)] = magic
            case 9:
                raw[where:where] = chance.randbytes(chance.choice((1, 30, 3000)))
            case _:
                for word in (b"Exif", b"ICC_PROFILE", b"iCCP", b"eXIf", b"EXIF", b"ICCP", b"colr", b"acsp"):
                    if (at := raw.find(word)) >= 0:
                        raw[at + 6 : at + 60] = chance.randbytes(54)
    return bytes(raw)


class Cases:
    """Every case follows from the seed and its number.

    Args:
        seed: Of the run.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._originals = originals()

    def make(self, number: int) -> bytes:
        """One case: the sound files first, then bent ones, a bomb among every forty."""
        if number < len(self._originals):
            return self._originals[number]
        chance = random.Random(f"{self._seed}/{number}")
        if number % 40 == 0:
            return bombs(chance)
        return bent(chance.choice(self._originals), chance.choice(self._originals), chance)


def attempt(content: bytes, *, whole: bool) -> str:
    """Through the upload path. Returns "opened", or the code of the PortraitError that refused it.

    Args:
        whole: Whether to cut and mask the photo as well, which takes most of the time.
    """
    try:
        photo = open_photo(content)
        if whole:
            prepare(photo, None, 256)
    except PortraitError as error:
        return error.code
    return "opened"


def _child(seed: int, first: int, seconds: float, note: Path) -> int:
    """In a process of its own: cases from `first` on. Writes what it does before it does it."""
    cases, became = Cases(seed), Counter[str]()
    process, settled, peak, slowest = psutil.Process(), 0.0, 0.0, (0.0, 0)
    faults: list[str] = []
    warnings.simplefilter("error", RuntimeWarning)  # numbers that are none
    until, number = time.monotonic() + seconds, first
    while time.monotonic() < until:
        content = cases.make(number)
        note.write_text(str(number))
        began = time.monotonic()
        try:
            became[attempt(content, whole=number % 10 == 0)] += 1
        except Exception as error:
            became["fault"] += 1
            faults.append(f"case {number}: {error!r}")
        slowest = max(slowest, (time.monotonic() - began, number))
        number += 1
        memory = process.memory_info().rss / 2**20
        peak = max(peak, memory)
        if number - first == _SETTLED:
            settled = memory
    end = process.memory_info().rss / 2**20
    told = {"next": number, "became": became, "faults": faults[:20], "slowest": slowest}
    print(json.dumps({**told, "settled": settled or end, "end": end, "peak": peak}))
    return 0


async def over_http(url: str, cases: Cases, numbers: range) -> Counter[str]:
    """Some cases as the page sends them. Counts the answers; what is no answer with a sentence is a "fault"."""
    became: Counter[str] = Counter()
    async with httpx.AsyncClient(timeout=120) as client:
        visitor = Visitor(url, 0, client)
        await visitor.enter()
        for number in numbers:
            content = cases.make(number)[:MAX_BYTES]
            headers = {"X-Studio-Key": visitor.visit.key}
            answer = await client.post(f"{url}/studio/photo", content=content, headers=headers)
            sound = answer.status_code == 200 or (answer.status_code == 422 and answer.json()["sentence"])
            became[str(answer.status_code) if sound else f"fault {answer.status_code} in case {number}"] += 1
        await visitor.leave()
    return became


def main(arguments: list[str]) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        return _child(options.seed, int(options.child[0]), float(options.child[1]), Path(options.child[2]))
    became, faults, first = Counter[str](), list[str](), 0
    until = time.monotonic() + options.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder, "case")
        while (left := until - time.monotonic()) > 1:
            command = [sys.executable, "-m", "benchmarks.fuzz", "--seed", str(options.seed)]
            command += ["--child", str(first), str(left), str(note)]
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            if done.returncode != 0:
                first = int(note.read_text()) + 1
                faults.append(f"case {first - 1}: the process died ({done.returncode})")
                continue
            told = json.loads(done.stdout)
            first, slowest = told["next"], told["slowest"]
            became += Counter(told["became"])
            faults += told["faults"]
            print(
                f"memory {told['settled']:.0f} MB when settled, {told['end']:.0f} at the end, {told['peak']:.0f} peak"
            )
            print(f"slowest case: number {slowest[1]}, {slowest[0]:.1f} s")
            if told["end"] - told["settled"] > _LEAK_MB:
                faults.append(f"memory grew by {told['end'] - told['settled']:.0f} MB")
        with running_app(Path(folder, "app")) as (url, _):
            answers = asyncio.run(over_http(url, Cases(options.seed), range(0, min(first, 400))))
    faults += [name for name in answers if name.startswith("fault")]
    print(f"{first} cases: {', '.join(f'{count} {name}' for name, count in became.most_common())}")
    print(f"over HTTP: {', '.join(f'{count} answered {name}' for name, count in answers.most_common())}")
    print("\n".join(faults) or "no crash, no unexpected error, no leak")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

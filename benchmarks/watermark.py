"""Whether the invisible watermark survives, and whether it is seen where it is not, in one run.

    python -m benchmarks.watermark FOLDER [--others FOLDER] [--sizes 256,512,768,1024] [--styles-each 2]
                                          [--unmarked 1000] [--limit 0]

FOLDER holds photographs of people; each is painted by the instant filters in some styles and scenes, which go round, so
that all of them take part. Prints the share of the portraits in which the mark is found after each treatment, how
visible it is (PSNR, SSIM), what it costs, and how many of the unmarked pictures are taken for marked: the same
portraits before they are marked, the photographs themselves, those of `--others`, mirrored, cut and compressed ones.
Returns 1 where a bar is missed: 95 % for each treatment that is promised, at each size, and no false alarm.
"""

from __future__ import annotations

import argparse
import io
import math
import statistics
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pipelines.engines.filters.engine import FilterEngine
from pipelines.errors import PhotoError
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import load_presets
from pipelines.provenance import watermark

BAR = 0.95
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif"}
_OTHERS_LONGEST = 1280  # scans of paintings are huge
_WORDS = "The quick brown fox jumps over the lazy dog and then looks at a portrait "
Treatment = Callable[[Image.Image], Image.Image]


def saved(image: Image.Image, form: str, quality: int) -> Image.Image:
    """The picture after saving it with losses."""
    buffer = io.BytesIO()
    image.save(buffer, form, quality=quality)
    return Image.open(buffer).convert("RGB")


def resized(image: Image.Image, factor: float) -> Image.Image:
    """Smaller or larger by a factor."""
    size = (round(image.width * factor), round(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS if factor < 1 else Image.Resampling.BICUBIC)


def cut(image: Image.Image, left: float = 0, top: float = 0, right: float = 0, bottom: float = 0) -> Image.Image:
    """Shares of width and height cut off."""
    width, height = image.size
    return image.crop(
        (round(left * width), round(top * height), width - round(right * width), height - round(bottom * height))
    )


def screenshot(image: Image.Image) -> Image.Image:
    """On a page 2.2 times as wide, beside a heading and a smaller copy turned upside down."""
    width, height = image.size
    page = Image.new("RGB", (round(2.2 * width), round(1.5 * height)), "#f4f1ea")
    page.paste("#222222", (0, 0, page.width, height // 12))
    page.paste(image, (width // 5, height // 4))
    page.paste(ImageOps.flip(image).resize((width // 2, height // 2)), (round(1.4 * width), height // 4))
    return page


_TILTS = (-5, -3, -1.7, 1.2, 2.5, 4.1, 5)  # degrees
_STRETCHES = (0.85, 1.15, 1.08, 0.93)


def on_page(image: Image.Image, side: int = 400, *, dark: bool = False) -> Image.Image:
    """A screenshot of 1440 x 900: a bar, lines of words, and the picture among them; its place goes by its pixels."""
    chance = _chance(image)
    ground, ink = ("#16120f", "#f0e7da") if dark else ("#fbf7ee", "#2a211c")
    page = Image.new("RGB", (1440, 900), ground)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 1440, 64), fill="#8a332c")
    left, top = int(chance.integers(60, 600)), int(chance.integers(100, 880 - side))
    page.paste(image.resize((side, side), Image.Resampling.LANCZOS), (left, top))
    for row in range(120, 840, 30):
        draw.text((left + side + 40, row), _WORDS[: int(chance.integers(20, 70))], fill=ink)
    return page


def tilted(image: Image.Image, how: str) -> Image.Image:
    """Turned by up to five degrees: in its own frame, in one that "grew", or "cut" so that no corner is empty."""
    degrees = float(_chance(image).choice(_TILTS))
    turned = image.rotate(degrees, Image.Resampling.BICUBIC, expand=how != "frame", fillcolor="#ffffff")
    if how != "cut":
        return turned
    angle = math.radians(abs(degrees))
    inside = image.width / (math.cos(angle) + math.sin(angle)) / 2
    first, last = round(turned.width / 2 - inside), round(turned.width / 2 + inside)
    return turned.crop((first, first, last, last))


def stretched(image: Image.Image) -> Image.Image:
    """Wider, narrower, higher or lower by up to 15 %."""
    chance = _chance(image)
    factor = float(chance.choice(_STRETCHES))
    width, height = (factor, 1.0) if chance.random() < 0.5 else (1.0, factor)
    return image.resize((round(width * image.width), round(height * image.height)), Image.Resampling.BICUBIC)


def _chance(image: Image.Image) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(image.tobytes()))


PROMISED: dict[str, Treatment] = {
    "as it is": lambda image: image,
    "JPEG 60": lambda image: saved(image, "JPEG", 60),
    "half size": lambda image: resized(image, 0.5),
    "half size and back": lambda image: resized(resized(image, 0.5), 2),
    "10 % off left": lambda image: cut(image, left=0.1),
    "10 % off top": lambda image: cut(image, top=0.1),
    "10 % off right": lambda image: cut(image, right=0.1),
    "10 % off bottom": lambda image: cut(image, bottom=0.1),
}
MOVED: dict[str, Treatment] = {  # promised from 512 px on, which every engine's portraits have
    "400 px on a page, PNG": on_page,
    "400 px on a dark page, JPEG 85": lambda image: saved(on_page(image, dark=True), "JPEG", 85),
    "400 px on a page, JPEG 70": lambda image: saved(on_page(image), "JPEG", 70),
    "turned by 90 degrees, JPEG 80": lambda image: saved(image.rotate(90), "JPEG", 80),
    "turned by 180 degrees": lambda image: image.rotate(180),
    "turned by 270 degrees, half size": lambda image: resized(image.rotate(270), 0.5),
    "tilted in its frame, JPEG 90": lambda image: saved(tilted(image, "frame"), "JPEG", 90),
    "tilted in a larger frame, JPEG 90": lambda image: saved(tilted(image, "grew"), "JPEG", 90),
    "tilted and cut, JPEG 90": lambda image: saved(tilted(image, "cut"), "JPEG", 90),
    "stretched, JPEG 85": lambda image: saved(stretched(image), "JPEG", 85),
}
MOVED_FROM = 512
BEYOND: dict[str, Treatment] = {
    "10 % off all sides": lambda image: cut(image, 0.1, 0.1, 0.1, 0.1),
    "10 % off left, JPEG 60": lambda image: saved(cut(image, left=0.1), "JPEG", 60),
    "half size, JPEG 60": lambda image: saved(resized(image, 0.5), "JPEG", 60),
    "10 % off left, half size, JPEG 60": lambda image: saved(resized(cut(image, left=0.1), 0.5), "JPEG", 60),
    "mirrored, JPEG 60": lambda image: saved(ImageOps.mirror(image), "JPEG", 60),
    "WebP 60": lambda image: saved(image, "WEBP", 60),
    "1.3 times as large, JPEG 80": lambda image: saved(resized(image, 1.3), "JPEG", 80),
    "in a screenshot, JPEG 80": lambda image: saved(screenshot(image), "JPEG", 80),
}


@dataclass
class Tally:
    """What was measured at one size."""

    found: dict[str, list[bool]] = field(default_factory=lambda: {name: [] for name in (*PROMISED, *MOVED, *BEYOND)})
    psnr: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    embed_ms: list[float] = field(default_factory=list)
    search_s: list[float] = field(default_factory=list)  # of processor time


def paint(files: list[Path], size: int, each: int) -> Iterator[Image.Image]:
    """Unmarked portraits, `each` of every person."""
    presets, engine = load_presets(), FilterEngine()
    styles, scenes = list(presets.styles.values()), list(presets.scenes.values())
    for number, file in enumerate(files):
        try:
            photo = prepare(open_photo(file), None, size)
        except PhotoError as error:
            print(f"{file.name} left out: {error.hint}", file=sys.stderr)
            continue
        for index in range(number * each, (number + 1) * each):
            yield engine.render(photo, styles[index % len(styles)], scenes[index % len(scenes)], seed=index)


def measure(plain: Image.Image, number: int, tally: Tally) -> None:
    """Mark one portrait, treat it in every way, look for the mark."""
    kind = watermark.KINDS[number % 2]
    started = time.perf_counter()
    marked = watermark.embed(plain, kind)
    tally.embed_ms.append((time.perf_counter() - started) * 1000)
    before, after = np.asarray(plain), np.asarray(marked)
    tally.psnr.append(float(peak_signal_noise_ratio(before, after)))
    tally.ssim.append(float(structural_similarity(before, after, channel_axis=2)))
    for name, treatment in (PROMISED | MOVED | BEYOND).items():
        treated = treatment(marked)
        started = time.process_time()
        found = watermark.detect(treated)
        tally.search_s.append(time.process_time() - started)
        tally.found[name].append(found is not None and found.kind == kind)


def variants(picture: Image.Image) -> Iterator[Image.Image]:
    """An unmarked picture in twelve forms."""
    yield picture
    yield ImageOps.mirror(picture)
    yield cut(picture, 0.1, 0.1, 0.1, 0.1)
    yield cut(picture, right=0.4)
    yield cut(picture, top=0.2, bottom=0.2)
    yield saved(resized(picture, 0.5), "JPEG", 60)
    yield picture.rotate(90, expand=True)
    yield picture.rotate(3)
    yield saved(on_page(ImageOps.fit(picture, (512, 512))), "JPEG", 80)
    yield stretched(picture)
    yield saved(resized(picture, 1.4), "WEBP", 60)
    yield picture.convert("L").convert("RGB")


def pictures(folder: Path, limit: int) -> list[Path]:
    """Picture files of a folder, evenly picked where there are more than `limit` (0: all)."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    return [files[round(i)] for i in np.linspace(0, len(files) - 1, min(limit, len(files)))] if limit else files


def false_alarms(
    plain: list[Image.Image], photos: list[Path], others: list[Path], wanted: int
) -> list[watermark.Found]:
    """Look for the mark in pictures that have none; print which kinds there were."""
    counts = {"portraits": 0, "photographs": 0, "others": 0}
    found: list[watermark.Found] = []
    seconds: list[float] = []

    def candidates() -> Iterator[tuple[str, Image.Image]]:
        yield from (("portraits", picture) for picture in plain)
        for kind, files in (("others", others), ("photographs", photos)):
            for file in files:
                with Image.open(file) as opened:
                    picture = opened.convert("RGB")
                picture.thumbnail((_OTHERS_LONGEST, _OTHERS_LONGEST))
                yield from ((kind, one) for one in variants(picture))
        yield from (("portraits", ImageOps.mirror(picture)) for picture in plain)

    for kind, picture in candidates():
        if sum(counts.values()) == wanted:
            break
        counts[kind] += 1
        started = time.process_time()
        result = watermark.detect(picture)
        seconds.append(time.process_time() - started)
        found += [result] if result is not None else []
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    print(f"\nunmarked: {sum(counts.values())} ({told}); false alarms: {len(found)} {found or ''}")
    print(f"  at most {watermark.FALSE_ALARM_BOUND * sum(counts.values()):.1g} were to be expected")
    print(f"  looked for in {statistics.median(seconds):.2f} s of processor time (median), {max(seconds):.2f} s (most)")
    return found


def main(arguments: list[str]) -> int:
    """Measure and print; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watermark", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--others", type=Path, help="folder of other unmarked pictures, such as paintings")
    parser.add_argument("--sizes", default="256,512,768,1024")
    parser.add_argument("--styles-each", type=int, default=2, help="portraits of each person at each size")
    parser.add_argument("--unmarked", type=int, default=1000)
    parser.add_argument("--limit", type=int, default=0, help="people, 0 for all")
    options = parser.parse_args(arguments)
    photos = pictures(options.folder, options.limit)
    plain: list[Image.Image] = []
    missed: list[str] = []
    for size in (int(word) for word in options.sizes.split(",")):
        tally = Tally()
        for number, portrait in enumerate(paint(photos, size, options.styles_each)):
            measure(portrait, number, tally)
            plain.append(portrait)
        print(
            f"\n{size} px: {len(tally.psnr)} portraits, PSNR {statistics.median(tally.psnr):.1f} dB"
            f" (lowest {min(tally.psnr):.1f}), SSIM {statistics.median(tally.ssim):.3f} (lowest {min(tally.ssim):.3f}),"
            f" marked in {statistics.median(tally.embed_ms):.0f} ms,"
            f" looked for in at most {max(tally.search_s):.1f} s of processor time"
        )
        for name, hits in tally.found.items():
            share = sum(hits) / len(hits)
            is_promised = name in PROMISED or (name in MOVED and size >= MOVED_FROM)
            bar = "  below the bar" if is_promised and share < BAR else ""
            print(f"  {name:<36} {100 * share:6.1f} %{bar}", flush=True)
            missed += [f"{name} at {size}"] if bar else []
    others = pictures(options.others, 0) if options.others else []
    alarms = false_alarms(plain, photos, others, options.unmarked) if options.unmarked else []
    return 1 if missed or alarms else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

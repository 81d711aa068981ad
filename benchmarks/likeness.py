"""What the likeness slider does to the person: the faithfulness meter over a folder of photos, by skin-tone group.

    python -m benchmarks.likeness FOLDER [--styles a,b] [--scene none] [--size 512] [--limit 0] [--seed 0]
    python -m benchmarks.likeness FOLDER --noise

Portraits are the filters'. Groups are the classes of the photo's typology angle. --noise measures the meter
itself instead: each photo against itself, saved again, halved, blurred and cut anew; its thresholds must lie above.

"Held" columns judge patches that neither the meter nor the engine knows, nor any constant was chosen by. The preview
engine moves nothing, so they lie in the same place in both pictures.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from pipelines.engines.filters.engine import FilterEngine
from pipelines.errors import PhotoError
from pipelines.faithfulness import meter
from pipelines.faithfulness.skin import SKIN_GROUPS, lightened, patch_shift, skin_group
from pipelines.photo.decoding import FORMATS
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import load_presets
from pipelines.results import Faithfulness, RatioChange, SkinShift
from pipelines.schema import PreparedPhoto

STYLES = "oil-master,watercolour,comic,golden-hour,low-poly"  # styles that mean to keep natural colour
LIKENESS = (0.0, 0.5, 1.0)
# Medians of shifts, and shares of pictures: "lighter" past what the page warns of, "darker" as far the other way.
COLUMNS = ("drift %", "ITA", "L*", "lighter", "darker", "held L*", "held up", "held dn", "edges %", "read", "warned")
COUNTS = ("people", "pictures", "skin")  # skin: pictures whose skin was read
# Points of the face mesh beside nose, chin and forehead. For this benchmark alone: nothing may be fitted to them.
HELD_OUT = (
    (203, 206, 92, 165),
    (423, 426, 322, 391),
    (194, 204, 211, 32),
    (418, 424, 431, 262),
    (67, 103, 104, 69),
    (297, 332, 333, 299),
)
_SHIFT = 0.02  # of the width


def perturbations(photo: Image.Image) -> Iterator[tuple[str, Image.Image]]:
    """The same picture, as it comes back from an e-mail, a thumbnail, a soft lens and another crop."""
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=80)
    yield "JPEG q80", Image.open(buffer).convert("RGB")
    half = (photo.width // 2, photo.height // 2)
    yield "half size", photo.resize(half, Image.Resampling.LANCZOS).resize(photo.size, Image.Resampling.BICUBIC)
    yield "blur 1 px", photo.filter(ImageFilter.GaussianBlur(1))
    right, down = -round(_SHIFT * photo.width), round(_SHIFT * photo.height)
    yield "shifted", Image.fromarray(np.roll(np.asarray(photo), (down, right), axis=(0, 1)))


def people(folder: Path, size: int, limit: int) -> Iterator[tuple[PreparedPhoto, str]]:
    """Each photo with a face, and its skin-tone group."""
    suffixes = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if limit:
        files = [files[round(i)] for i in np.linspace(0, len(files) - 1, min(limit, len(files)))]
    for path in files:
        try:
            photo = prepare(open_photo(path), None, size)
        except PhotoError as error:
            print(f"{path.name} left out: {error.hint}", file=sys.stderr)
            continue
        if photo.face is None or photo.face.landmarks is None:
            print(f"{path.name} left out: no face", file=sys.stderr)
            continue
        own = meter.measure(photo, photo.image, natural_colour=True)
        yield photo, "no colour" if own.skin is None else skin_group(own.skin.ita_before)


def _percent(change: RatioChange | None) -> float | None:
    return None if change is None else change.percent


NUMBERS: dict[str, Callable[[Faithfulness], float | None]] = {
    "eyes %": lambda kept: _percent(kept.eye_size),
    "jaw %": lambda kept: _percent(kept.jaw_width),
    "nose %": lambda kept: _percent(kept.nose_width),
    "height %": lambda kept: _percent(kept.face_height),
    "ITA deg": lambda kept: None if kept.skin is None else kept.skin.ita_shift,
    "L*": lambda kept: None if kept.skin is None else kept.skin.lightness_shift,
    "Lab": lambda kept: None if kept.skin is None else kept.skin.distance,
    "drift %": lambda kept: None if kept.landmark_drift is None else 100 * kept.landmark_drift,
}


def print_noise(folder: Path, size: int, limit: int) -> None:
    """99th percentile of the size of each change, where nothing changed."""
    found: dict[str, list[Faithfulness]] = defaultdict(list)
    for photo, _ in people(folder, size, limit):
        for name, picture in perturbations(photo.image):
            found[name].append(meter.measure(photo, picture, natural_colour=True))
    found["all"] = [kept for group in list(found.values()) for kept in group]
    print(f"{'99th percentile':<16}" + "".join(f"{name:>10}" for name in NUMBERS) + f"{'warned':>10}{'pictures':>10}")
    for name, group in found.items():
        cells = []
        for number in NUMBERS.values():
            values = [abs(value) for value in map(number, group) if value is not None]
            cells.append(f"{np.percentile(values, 99):10.1f}" if values else f"{'-':>10}")
        warned = sum(kept.warning is not None for kept in group)
        print(f"{name:<16}" + "".join(cells) + f"{warned:10d}{len(group):10d}")


@dataclass(frozen=True)
class Measured:
    """What the meter says of a picture, and what it does not see."""

    kept: Faithfulness
    held_out: SkinShift | None


def held_out(photo: PreparedPhoto, picture: Image.Image) -> SkinShift | None:
    """Change of the held-out patches, for engines that leave each feature in its place."""
    assert photo.face is not None
    assert photo.face.landmarks is not None
    points = photo.face.landmarks
    return patch_shift(np.asarray(photo.image), points, np.asarray(picture), points, HELD_OUT)


def _darkened(skin: SkinShift) -> bool:
    """The mirror image of what is warned of."""
    names = ("ita_shift", "lightness_shift")
    return lightened(skin.model_copy(update={name: -getattr(skin, name) for name in names}))


def _line(group: Iterable[Measured], people: int) -> str:
    """Medians of what could be measured; how often skin went past the threshold, the face was read, a warning came."""
    measured = list(group)
    kept = [one.kept for one in measured]

    def median(values: Iterable[float | None], digits: int, sign: str = "") -> str:
        known = [value for value in values if value is not None]
        return f"{np.median(known):{sign}.{digits}f}" if known else "-"

    def past(skins: list[SkinShift], test: Callable[[SkinShift], bool]) -> str:
        return f"{100 * np.mean([test(skin) for skin in skins]):8.0f}%" if skins else f"{'-':>9}"

    skins = [one.skin for one in kept if one.skin is not None]
    held = [one.held_out for one in measured if one.held_out is not None]
    drift = median((NUMBERS["drift %"](one) for one in kept), 1)
    angle = median((skin.ita_shift for skin in skins), 1, "+")
    light = median((skin.lightness_shift for skin in skins), 1, "+")
    row = f"{drift:>9}{angle:>9}{light:>9}{past(skins, lightened)}{past(skins, _darkened)}"
    light = median((skin.lightness_shift for skin in held), 1, "+")
    row += f"{light:>9}{past(held, lightened)}{past(held, _darkened)}"
    edges = median((None if one.edges_kept is None else 100 * one.edges_kept for one in kept), 0)
    read = 100 * np.mean([one.landmark_drift is not None for one in kept])
    warned = 100 * np.mean([one.warning is not None for one in kept])
    return f"{row}{edges:>9}{read:8.0f}%{warned:8.1f}%{people:9d}{len(kept):9d}{len(skins):9d}"


def print_table(options: argparse.Namespace) -> None:
    """One line for each style and likeness, and one for each skin-tone group and likeness."""
    presets, engine = load_presets(), FilterEngine()
    styles, scene = [presets.style(i) for i in options.styles.split(",")], presets.scene(options.scene)
    by_style: dict[tuple[str, float], list[Measured]] = defaultdict(list)
    by_group: dict[tuple[str, float], list[Measured]] = defaultdict(list)
    sizes: dict[str, int] = defaultdict(int)
    for photo, group in people(options.folder, options.size, options.limit):
        sizes[group] += 1
        for style in styles:
            for likeness in LIKENESS:
                picture = engine.render(photo, style, scene, seed=options.seed, likeness=likeness)
                kept = meter.measure(photo, picture, natural_colour=style.natural_colour)
                measured = Measured(kept, held_out(photo, picture) if style.natural_colour else None)
                by_style[style.id, likeness].append(measured)
                by_group[group, likeness].append(measured)
    order = [name for name, _ in SKIN_GROUPS] + ["no colour"]
    head = "".join(f"{name:>9}" for name in COLUMNS + COUNTS)
    total = sum(sizes.values())
    for title, table, names, counts in (
        ("style", by_style, [style.id for style in styles], {style.id: total for style in styles}),
        ("skin tone", by_group, order, sizes),
    ):
        print(f"{title:<16}{'likeness':>9}{head}")
        for name in names:
            for likeness in LIKENESS:
                if table[name, likeness]:
                    print(f"{name:<16}{likeness:9.1f}{_line(table[name, likeness], counts[name])}")
        print()


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.likeness", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--styles", default=STYLES, help="ids with commas between them")
    parser.add_argument("--scene", default="none")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--limit", type=int, default=0, help="people, 0 for all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noise", action="store_true", help="measure the meter instead of portraits")
    options = parser.parse_args(arguments)
    if options.noise:
        print_noise(options.folder, options.size, options.limit)
    else:
        print_table(options)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

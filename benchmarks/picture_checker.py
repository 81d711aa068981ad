"""What the picture checker that is always there says of harmless pictures, by kind and by skin tone.

    python -m benchmarks.picture_checker PORTRAITS PAINTINGS [--styles a,b] [--limit 0] [--embedded] [--scores FILE]

Kinds: photographs of people as they are, their crops in three shapes, paintings as they are and cut into pieces, and
what the instant filters make of the crops in each style, after each painting too; with --embedded what the built-in
model makes of them. Printed of each kind: pictures, median, 99th percentile and highest score, and how many would be
refused. With --scores, scores are added to a CSV file, and all that is in it is printed, so that a long run can be made
in parts.

Skin: the same scores by the class of the photo's typology angle (Chardon et al. 1991), in logits, since scores crowd
near 0. "noise" is by how much saving a picture anew, halving, blurring or shifting it moves its logit; "nearest" is the
highest score of a group; p is the chance that groups drawn at random from the same people lie as far apart
(Kruskal-Wallis on each person's mean).

It cannot tell what is missed: these are no indecent pictures, and there are none here to measure that with.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.stats import kruskal

from benchmarks.likeness import people, perturbations
from benchmarks.sitters import CONTROLS, Person, job_for, paint, stack_of
from pipelines.controls.annotators import annotate
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.likeness import for_stack
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.photo.decoding import FORMATS
from pipelines.photo.opening import open_photo, open_style_picture, prepare
from pipelines.presets.loading import Presets, load_presets
from pipelines.safety.nudity import REFUSED_FROM, NudityChecker
from pipelines.schema import PreparedPhoto, Shape, Style
from pipelines.sizes import within

ROOT = Path(__file__).resolve().parents[1]
PIECES = 3  # a painting is cut into so many by so many
SHAPES: tuple[Shape, ...] = ("4:5", "9:16")


class Score(NamedTuple):
    """One judged picture: what kind it is, whose, of which skin-tone group ("" for paintings), 0 to 1."""

    kind: str
    name: str
    group: str
    score: float

    @property
    def logit(self) -> float:
        """Scores crowd near 0 and 1; these do not."""
        kept = min(max(self.score, 1e-6), 1 - 1e-6)
        return float(np.log(kept / (1 - kept)))


def pictures_in(folder: Path, limit: int) -> list[Path]:
    """Files of pictures, spread over the folder where there are more than the limit."""
    suffixes = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if limit and limit < len(files):
        files = [files[round(i)] for i in np.linspace(0, len(files) - 1, limit)]
    return files


def pieces(picture: Image.Image) -> Iterator[Image.Image]:
    """A painting cut into PIECES by PIECES: details are what a visitor may give as a style picture."""
    width, height = picture.width // PIECES, picture.height // PIECES
    for left in range(PIECES):
        for top in range(PIECES):
            yield picture.crop((left * width, top * height, (left + 1) * width, (top + 1) * height))


def judged(options: argparse.Namespace, checker: NudityChecker) -> Iterator[Score]:
    """Every picture's score; paintings and photographs as they are only where no styles are named."""
    presets, paintings = load_presets(), pictures_in(options.paintings, 0)
    wanted = [presets.style(i) for i in options.styles.split(",") if i]
    if not wanted:
        yield from _as_they_are(paintings, pictures_in(options.portraits, options.limit), options.size, checker)
    styles = wanted or list(presets.styles.values())
    engine = DiffusionEngine(stack_of(ROOT / "models" / "embedded")) if options.embedded else FilterEngine()
    for number, (photo, group) in enumerate(people(options.portraits, options.size, options.limit)):
        if not wanted:
            yield Score("photo crop 1:1", str(number), group, checker.score(photo.image))
            for changed, picture in perturbations(photo.image):
                yield Score(f"noise {changed}", str(number), group, checker.score(picture))
        for kind, picture in _portraits(engine, photo, styles, paintings, number, presets):
            yield Score(kind, str(number), group, checker.score(picture))
    engine.close()


def _as_they_are(paintings: list[Path], photos: list[Path], size: int, checker: NudityChecker) -> Iterator[Score]:
    for path in paintings:
        picture = open_style_picture(path).image
        yield Score("painting", path.stem, "", checker.score(picture))
        for piece in pieces(picture):
            yield Score("piece of a painting", path.stem, "", checker.score(piece))
    for path in photos:
        photo = open_photo(path)
        yield Score("photo", path.stem, "", checker.score(photo.image))
        for shape in SHAPES:
            crop = prepare(photo, None, within(shape, size))
            yield Score(f"photo crop {shape}", path.stem, "", checker.score(crop.image))


def _portraits(
    engine: FilterEngine | DiffusionEngine,
    photo: PreparedPhoto,
    styles: list[Style],
    paintings: list[Path],
    number: int,
    presets: Presets,
) -> Iterator[tuple[str, Image.Image]]:
    """What an engine makes of one person, each with its kind; after one of the paintings, another one each time."""
    scene = presets.scene("none")
    if isinstance(engine, DiffusionEngine):
        person = Person(str(number), photo, {name: annotate(name, photo) for name in CONTROLS})
        for style in styles:
            if not style.needs_picture:
                made = paint(engine, job_for(person, for_stack(style, "embedded"), scene, seed=number))
                yield f"built-in model, {style.id}", Image.fromarray(made)
        return
    for style in styles:
        source, kind = None, f"filters, {style.id}"
        if style.needs_picture:
            path = paintings[number % len(paintings)]
            source, kind = open_style_picture(path), f"filters, after {path.stem}"
        yield kind, engine.render(photo, style, scene, seed=number, style_picture=source)


def print_kinds(scores: list[Score]) -> None:
    """One line for each kind, and for all of an engine."""
    by_kind: dict[str, list[float]] = defaultdict(list)
    for one in scores:
        by_kind[one.kind].append(one.score)
        if "," in one.kind:
            by_kind[one.kind.split(",")[0] + ", all styles"].append(one.score)
    print(f"{'kind':<44}{'pictures':>9}{'median':>8}{'p99':>8}{'highest':>9}{'refused':>9}")
    for kind, values in sorted(by_kind.items()):
        median, high = np.percentile(values, (50, 99))
        limit = REFUSED_FROM["repainted" if "," in kind else "given"]
        refused = sum(value >= limit for value in values)
        print(f"{kind:<44}{len(values):9d}{median:8.3f}{high:8.3f}{max(values):9.3f}{refused:9d}")


def print_skin(scores: list[Score]) -> None:
    """Photo crops and each engine's portraits, by skin tone: the mean logit of a person, and the highest score."""
    plain = {one.name: one.logit for one in scores if one.kind == "photo crop 1:1" and one.group}
    moved = [abs(one.logit - plain[one.name]) for one in scores if one.kind.startswith("noise")]
    if moved:
        print(f"\nnoise of a logit: median {np.median(moved):.2f}, 95th percentile {np.percentile(moved, 95):.2f}")
    limits = [f"{Score('', '', '', limit).logit:.2f} ({origin})" for origin, limit in REFUSED_FROM.items()]
    print(f"refused from a logit of {', '.join(limits)}\n")
    for kind in ("photo crop 1:1", "filters", "built-in model"):
        people_of: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        nearest: dict[str, float] = defaultdict(float)
        for one in scores:
            if one.group and one.kind.startswith(kind):
                people_of[one.group][one.name].append(one.logit)
                nearest[one.group] = max(nearest[one.group], one.score)
        if not people_of:
            continue
        means = {group: [float(np.mean(values)) for values in people.values()] for group, people in people_of.items()}
        print(f"{kind:<24}{'people':>8}{'median':>9}{'quartiles':>16}{'nearest':>9}")
        for group in sorted(means):
            low, middle, high = np.percentile(means[group], (25, 50, 75))
            print(f"  {group:<22}{len(means[group]):8d}{middle:9.2f}{low:8.2f}{high:8.2f}{nearest[group]:9.3f}")
        large = [values for values in means.values() if len(values) >= 4]
        if len(large) > 1:
            print(f"  groups of 4 and more: p = {kruskal(*large).pvalue:.3f}")


def main(arguments: list[str]) -> int:
    """Judge and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.picture_checker", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("portraits", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--styles", default="", help="ids with commas between them; left out, all, and photographs too")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--limit", type=int, default=0, help="people, 0 for all")
    parser.add_argument("--embedded", action="store_true", help="the built-in model instead of the filters")
    parser.add_argument("--scores", type=Path, help="CSV file that keeps scores over several runs")
    options = parser.parse_args(arguments)
    checker = NudityChecker()
    seconds: list[float] = []

    def timed() -> Iterator[Score]:
        warm = Image.new("RGB", (64, 64))
        checker.score(warm)
        for one in judged(options, checker):
            yield one
            if len(seconds) < 50:
                picture = Image.effect_noise((options.size, options.size), 60).convert("RGB")
                started = time.process_time()
                checker.score(picture)
                seconds.append(time.process_time() - started)

    scores = []
    if options.scores and options.scores.exists():
        with options.scores.open(newline="") as file:
            scores = [Score(kind, name, group, float(score)) for kind, name, group, score in csv.reader(file)]
    new = []
    for one in timed():
        new.append(one)
        if options.scores:
            with options.scores.open("a", newline="") as file:
                csv.writer(file).writerow(one)
    print_kinds(scores + new)
    print_skin(scores + new)
    print(f"\none picture of {options.size} px: {1000 * np.median(seconds):.0f} ms of processor time (median of 50)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

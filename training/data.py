"""Photographs and paintings -> a packed data file: `python -m training.data`.

Targets are painted by the preview engine. Pieces of the paintings join them as examples of true brushwork, their
line drawing made of the piece without its strokes.

Rights: the shared portraits are CC0, the paintings are in the public domain, the targets are made by this project's own
filters. Ten portraits are held out for validation and never enter a pack.
"""

from __future__ import annotations

import argparse
import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from pipelines.annotators import annotate
from pipelines.engines.preview import PreviewEngine
from pipelines.errors import EngineFailed
from pipelines.photo import open_photo, prepare
from pipelines.presets import Presets, load_presets
from pipelines.schema import PreparedPhoto, Style
from training.pack import Pack, PackWriter, Pair

ROOT = Path(__file__).resolve().parents[1]

log = logging.getLogger(__name__)

# Every seventh of the 70 shared portraits. Held out: they measure, they do not teach.
HELD_OUT = ("007", "017", "027", "037", "047", "057", "067", "077", "087", "097")

# Which style a painting's brushwork belongs to.
BRUSHWORK = {
    "van-gogh-starry-night-1889": "starry-strokes",
    "monet-water-lilies-1919": "impressionist",
    "turner-shipwreck-of-the-minotaur-1810": "oil-master",
    "delaunay-portrait-1906": "fauve",
    "hokusai-great-wave-1831": "ukiyo-e",
    "munch-the-scream-1893": "starry-strokes",
}

PHOTO_SIDE = 512
_PALETTES = ("ramps", "inks", "colors")  # fields of recipe steps that hold alternatives for the seed
_PIECES = 12  # cut from each painting
_PAINTING_SIDE = 1024
_LIKENESS = (0.35, 0.45)  # recipes grow bolder as likeness falls; a wide range would be averaged into mud


def training_portraits(folder: Path) -> list[Path]:
    """The portraits that may be trained on, in order of their names."""
    return [path for path in sorted(folder.glob("*.jpg")) if path.stem not in HELD_OUT]


def held_out_portraits(folder: Path) -> list[Path]:
    """The ten portraits for validation, in order of their names."""
    return [path for path in sorted(folder.glob("*.jpg")) if path.stem in HELD_OUT]


def write_pack(
    path: Path,
    photos: Mapping[str, Image.Image | Path],
    paintings: Sequence[Path],
    presets: Presets,
    *,
    side: int = 384,
    rounds: int = 1,
    scene_share: float = 0.25,
    seed: int = 0,
) -> int:
    """Render the targets and write the pack.

    Args:
        path: The file to write.
        photos: Photo by person; without a face the middle is cut.
        paintings: Files for the autoencoder, and for brushwork.
        presets: Styles and scenes to paint.
        side: Side of the square kept of each 512 px rendering, in pixels.
        rounds: Renderings of each person in each style, each with another seed, likeness and place.
        scene_share: Share of the renderings that stand in a scene.
        seed: Fixes every choice.

    Returns:
        How many pairs were written.
    """
    pack = Pack(
        prompts={style.id: style.prompt for style in presets.styles.values()},
        scene_prompts={scene.id: scene.prompt for scene in presets.scenes.values()},
        natural=[style.id for style in presets.styles.values() if style.natural_colour],
    )
    writer = PackWriter(path, pack)
    pairs: list[Pair] = []
    try:
        for painting in paintings:
            with Image.open(painting) as image:
                image.thumbnail((_PAINTING_SIDE, _PAINTING_SIDE), Image.Resampling.LANCZOS)
                pixels = np.asarray(image.convert("RGB"))
            writer.picture("paintings", painting.stem, pixels)
            if BRUSHWORK.get(painting.stem) in presets.styles:
                pairs += _brushwork(writer, painting.stem, pixels, side, seed)
        for person, source in tqdm(photos.items(), desc="people", unit="person"):
            prepared = prepare(open_photo(source), None, PHOTO_SIDE)
            writer.picture("photos", person, np.asarray(prepared.image))
            writer.picture("lineart", person, np.asarray(annotate("lineart", prepared)))
            for pair, painted in _render(person, prepared, presets, side, rounds, scene_share, seed):
                writer.picture("pictures", pair.target, painted)
                pairs.append(pair)
    finally:
        writer.close(pairs)
    return len(pairs)


def _brushwork(writer: PackWriter, painting: str, pixels: np.ndarray, side: int, seed: int) -> list[Pair]:
    """Pieces of a painting: smoothed until the strokes are gone, and as they are."""
    generator = np.random.default_rng((seed, zlib.crc32(painting.encode())))
    pairs: list[Pair] = []
    side = min(side, *pixels.shape[:2])
    for number in range(_PIECES):
        top, left = (int(generator.integers(0, size - side + 1)) for size in pixels.shape[:2])
        piece = np.ascontiguousarray(pixels[top : top + side, left : left + side])
        smooth = cv2.GaussianBlur(cv2.edgePreservingFilter(piece, flags=1, sigma_s=30, sigma_r=0.5), (0, 0), 1.5)
        name = f"{painting}-{number}"
        writer.picture("photos", name, smooth)
        lineart = annotate("lineart", PreparedPhoto(image=Image.fromarray(smooth)))
        writer.picture("lineart", name, np.asarray(lineart))
        writer.picture("pictures", name, piece)
        pairs.append(Pair(name, BRUSHWORK[painting], "none", name, 0, 0))
    return pairs


def _render(
    person: str, prepared: PreparedPhoto, presets: Presets, side: int, rounds: int, scene_share: float, seed: int
) -> Iterator[tuple[Pair, np.ndarray]]:
    engine = PreviewEngine()
    generator = np.random.default_rng((seed, zlib.crc32(person.encode())))
    scenes = [scene for scene in presets.scenes.values() if scene.backdrop is not None]
    for number in range(rounds):
        for style in map(_one_palette, presets.styles.values()):
            in_scene = bool(scenes) and generator.random() < scene_share
            scene = scenes[generator.integers(len(scenes))] if in_scene else presets.scenes["none"]
            likeness = float(generator.uniform(*_LIKENESS))
            picture_seed = int(generator.integers(2**31))
            left, top = (int(v) for v in generator.integers(0, PHOTO_SIDE - side + 1, 2))
            cut = np.s_[top : top + side, left : left + side]
            name = f"{person}-{style.id}-{number}"
            try:
                painted = engine.render(prepared, style, scene, likeness=likeness, seed=picture_seed)
            except EngineFailed as error:  # one picture less is no reason to lose the others
                log.warning("left out %s in %s: %s", name, scene.id, error.detail)
                continue
            yield Pair(person, style.id, scene.id, name, left, top), np.asarray(painted)[cut]
    engine.close()


def _one_palette(style: Style) -> Style:
    """The style with the first of the palettes that a seed would choose from.

    A network cannot know from the photo which palette was drawn, and would learn the mud between them.
    """
    steps = []
    for step in style.preview:
        chosen = {name: getattr(step, name)[:1] for name in _PALETTES if isinstance(getattr(step, name, None), tuple)}
        steps.append(step.model_copy(update=chosen))
    return style.model_copy(update={"preview": tuple(steps)})


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.data", description=__doc__.split("\n")[0])
    parser.add_argument("--portraits", type=Path, default=ROOT.parent / "shared" / "portraits", help="folder of JPEGs")
    parser.add_argument("--paintings", type=Path, default=ROOT.parent / "shared" / "paintings", help="folder of JPEGs")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / "training" / "pack.zip", help="file to write")
    parser.add_argument("--rounds", type=int, default=1, help="renderings of each person in each style")
    parser.add_argument("--seed", type=int, default=0, help="fixes every choice")
    arguments = parser.parse_args()
    photos = {path.stem: path for path in training_portraits(arguments.portraits)}
    if not photos:
        parser.error(f"there are no portraits in {arguments.portraits}")
    paintings = sorted(arguments.paintings.glob("*.jpg"))
    count = write_pack(arguments.out, photos, paintings, load_presets(), rounds=arguments.rounds, seed=arguments.seed)
    print(f"wrote {arguments.out}: {count} pairs, {arguments.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

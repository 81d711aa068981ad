"""Thumbnails of styles, made by the built-in model, as on a fresh machine, from a public-domain picture; and of scenes,
the place alone: beside a person who fills the picture, one place would look like the next.

    python -m pipelines.thumbnails            write presets/thumbnails/{styles,scenes}/<id>.webp, all of them
    python -m pipelines.thumbnails ID ...     only these

The sitter is NASA's portrait of Eileen Collins that ships with scikit-image (`skimage.data.astronaut`).
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage import data

from pipelines.engines.base import Engine
from pipelines.engines.filters.stage import Stage
from pipelines.engines.registry import Engines
from pipelines.job_studio import JobStudio
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import THUMBNAILS, load_presets
from pipelines.provenance import marking
from pipelines.schema import AnnotatorName, Job, PreparedPhoto, Scene, Style

SIZE = 256
_PLACE_SIDE = 512  # of a place before it is shrunk


def thumbnail_path(kind: str, preset_id: str, folder: Path = THUMBNAILS) -> Path:
    """Where the thumbnail of a style or scene lies; kind is "styles" or "scenes"."""
    return folder / kind / f"{preset_id}.webp"


def sitter(size: int) -> PreparedPhoto:
    """The public-domain portrait, cropped as a visitor's photo would be."""
    return prepare(open_photo(data.astronaut()), 0, size)


def paint(
    engine: Engine, photo: PreparedPhoto, style: Style, scene: Scene, drawn: dict[AnnotatorName, Image.Image]
) -> bytes:
    """One thumbnail as WebP bytes, watermarked; the same bytes every time.

    Args:
        drawn: Control images of the photo; those that are missing are added.
    """
    job = Job(photo=photo, style=style, scene=scene, seeds=(0,))
    picture = engine.make(job, JobStudio(job, drawn, Stage()), lambda step, total, preview: True).pictures[0]
    return _thumbnail(picture, is_diffusion=engine.is_diffusion)


def paint_place(scene: Scene) -> bytes:
    """The thumbnail of a scene as WebP bytes, watermarked; the same bytes every time."""
    empty = PreparedPhoto(image=Image.new("RGB", (_PLACE_SIDE, _PLACE_SIDE)))
    return _thumbnail(Stage().backdrop(empty, scene, 0) or _viewfinder(_PLACE_SIDE), is_diffusion=False)


def _viewfinder(side: int) -> Image.Image:
    """For a scene that keeps the photo's background, which nobody knows yet: the corners of a viewfinder on a wall."""
    down, across = np.mgrid[0:side, 0:side] / side
    light = 150 + 70 * np.exp(-((across - 0.3) ** 2 + (down - 0.25) ** 2) / 0.25)
    grain = np.random.default_rng(0).normal(0, 5, (side, side))
    wall = np.clip((light + grain)[..., None] * (1.0, 0.965, 0.91), 0, 255).astype(np.uint8)
    near, far, long = round(0.16 * side), round(0.84 * side), round(0.17 * side)
    for x, right in ((near, 1), (far, -1)):
        for y, below in ((near, 1), (far, -1)):
            corner = np.array([(x + right * long, y), (x, y), (x, y + below * long)], np.int32)
            cv2.polylines(wall, [corner], False, (255, 253, 248), side // 30, cv2.LINE_AA)
    return Image.fromarray(wall)


def _thumbnail(picture: Image.Image, *, is_diffusion: bool) -> bytes:
    small = marking.finish(picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS), is_diffusion=is_diffusion)
    target = io.BytesIO()
    small.save(target, "WEBP", quality=80, method=6)
    return target.getvalue()


def main(arguments: list[str]) -> int:
    """Write the thumbnails that are asked for, all by default."""
    presets = load_presets()
    plain = presets.scene("none")
    wanted = set(arguments)
    if unknown := wanted - set(presets.styles) - set(presets.scenes):
        print(f"unknown: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    for scene in presets.scenes.values():
        if not wanted or scene.id in wanted:
            _write("scenes", scene.id, paint_place(scene))
    styles = [style for style in presets.styles.values() if not wanted or style.id in wanted]
    if styles:
        engine = Engines(presets.models).create("embedded").engine
        photo = sitter(engine.size)
        drawn: dict[AnnotatorName, Image.Image] = {}
        for style in styles:
            _write("styles", style.id, paint(engine, photo, style, plain, drawn))
    return 0


def _write(kind: str, preset_id: str, data: bytes) -> None:
    path = thumbnail_path(kind, preset_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    print(f"{kind}/{path.name}  {len(data) / 1024:.0f} kB")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

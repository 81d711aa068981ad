"""Thumbnails of styles and scenes, made by the built-in model, as on a fresh machine, from a public-domain picture.

    python -m pipelines.thumbnails            write presets/thumbnails/{styles,scenes}/<id>.webp, all of them
    python -m pipelines.thumbnails ID ...     only these

The sitter is NASA's portrait of Eileen Collins that ships with scikit-image (`skimage.data.astronaut`).
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

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
_SCENE_STYLE = "oil-master"  # scenes are shown in the style that changes them least


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
    small = marking.finish(picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS), is_diffusion=engine.is_diffusion)
    target = io.BytesIO()
    small.save(target, "WEBP", quality=80, method=6)
    return target.getvalue()


def main(arguments: list[str]) -> int:
    """Write the thumbnails that are asked for, all by default."""
    presets = load_presets()
    plain = presets.scene("none")
    jobs = [("styles", style.id, style, plain) for style in presets.styles.values()]
    backdrop_style = presets.styles.get(_SCENE_STYLE, next(iter(presets.styles.values())))
    jobs += [("scenes", scene.id, backdrop_style, scene) for scene in presets.scenes.values()]
    wanted = set(arguments)
    unknown = wanted - {preset_id for _, preset_id, _, _ in jobs}
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    engine = Engines(presets.models).create("embedded").engine
    photo = sitter(engine.size)
    drawn: dict[AnnotatorName, Image.Image] = {}
    for kind, preset_id, style, scene in jobs:
        if not wanted or preset_id in wanted:
            path = thumbnail_path(kind, preset_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(paint(engine, photo, style, scene, drawn))
            print(f"{kind}/{path.name}  {path.stat().st_size / 1024:.0f} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

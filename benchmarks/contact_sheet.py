"""A contact sheet: rows are people, columns are styles, the photo first.

    python -m benchmarks.contact_sheet FOLDER [--styles a,b] [--scene orbit] [--out out/sheet.png] [--size 256]
                                              [--limit 12] [--seed 0] [--likeness 0.5]

Made with the instant filters. For looking at, with one's own eyes, before anything is called finished.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipelines.engines.filters.engine import FilterEngine
from pipelines.errors import PhotoError, SaveError
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import load_presets
from pipelines.provenance import marking
from pipelines.schema import PreparedPhoto, Scene, Style

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif"}
_HEAD, _GAP = 22, 3


def sheet(
    people: list[tuple[str, PreparedPhoto]],
    styles: list[Style],
    scene: Scene,
    size: int,
    *,
    seed: int = 0,
    likeness: float = 0.5,
) -> Image.Image:
    """The sheet as one RGB picture.

    Args:
        people: Name and prepared photo of each row.
        size: Width and height of a cell in pixels.
    """
    engine = FilterEngine()
    width = (len(styles) + 1) * (size + _GAP) + _GAP
    picture = Image.new("RGB", (width, _HEAD + len(people) * (size + _GAP) + _GAP), "#f4f1ea")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    for column, title in enumerate(["photo", *(style.name for style in styles)]):
        draw.text((_GAP + column * (size + _GAP) + 4, 4), title, fill="#222222", font=font)
    for row, (name, photo) in enumerate(people):
        top = _HEAD + row * (size + _GAP)
        cells = [photo.image]
        cells += [engine.render(photo, style, scene, seed=seed, likeness=likeness) for style in styles]
        for column, cell in enumerate(cells):
            picture.paste(cell.resize((size, size), Image.Resampling.LANCZOS), (_GAP + column * (size + _GAP), top))
        draw.text((_GAP + 4, top + 3), name, fill="#ffffff", font=font, stroke_width=2, stroke_fill="#000000")
    return picture


def main(arguments: list[str]) -> int:
    """Read the folder, paint the sheet, write it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contact_sheet", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--styles", default="", help="ids with commas between them; all by default")
    parser.add_argument("--scene", default="none")
    parser.add_argument("--out", type=Path, default=Path("out/sheet.png"), help="PNG, marked as portraits are")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--limit", type=int, default=0, help="people, 0 for all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--likeness", type=float, default=0.5)
    options = parser.parse_args(arguments)
    presets = load_presets()
    styles = [presets.style(i) for i in options.styles.split(",") if i] or list(presets.styles.values())
    scene = presets.scene(options.scene)
    files = sorted(path for path in options.folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if options.limit:
        files = [files[round(i)] for i in np.linspace(0, len(files) - 1, min(options.limit, len(files)))]
    people: list[tuple[str, PreparedPhoto]] = []
    for path in files:
        try:
            people.append((path.stem, prepare(open_photo(path), None, max(256, 2 * options.size))))
        except PhotoError as error:
            print(f"{path.name} left out: {error.hint}", file=sys.stderr)
    if not people:
        print("no photo in that folder", file=sys.stderr)
        return 1
    painted = sheet(people, styles, scene, options.size, seed=options.seed, likeness=options.likeness)
    facts = {"Engine": FilterEngine.name, "Scene": scene.id, "Seed": str(options.seed)}
    try:
        marking.save(painted, options.out.with_suffix(".png"), is_diffusion=False, facts=facts)
    except SaveError as error:
        print(f"{error.hint} A sheet of {painted.width} x {painted.height} pixels may be too large.", file=sys.stderr)
        return 1
    print(f"{len(people)} people x {len(styles)} styles: {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""The strangers whom portraits are compared with (`STUDIO_IDENTITY`), made from a folder of photographs.

    python -m pipelines.strangers FOLDER strangers.npz [--styles a,b] [--sitters 12]

The file holds 128 numbers of each face: biometric data of people. Take only photographs of those who have agreed to
that. The studio ships none: a licence for a photograph is no such yes. Of each photo the surest and largest face is
taken. The file is written so that only its owner can read it; delete it, and nothing of them is left.

Some of them are also painted in each style, by the instant filters at the usual likeness: where their portraits come to
lie among the others is what visitors read as usual in that style. --sitters 0 leaves that out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.engines.filters.engine import FilterEngine
from pipelines.errors import PhotoError, PortraitError
from pipelines.faithfulness.identity import LEAST_STRANGERS, Describer, FaceNetwork, Strangers, described
from pipelines.photo.decoding import FORMATS
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import load_presets
from pipelines.schema import PreparedPhoto, Scene, Style

_SIZE = 512  # pixels, of crops and portraits
_SITTERS = 12
_QUARTILES = (25, 75)


def crops(folder: Path) -> Iterator[PreparedPhoto]:
    """The crop of each photo with a readable face, by name; the others are named on the terminal."""
    suffixes = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    for path in sorted(one for one in folder.iterdir() if one.suffix.lower() in suffixes):
        try:
            photo = prepare(open_photo(path), None, _SIZE)
        except PhotoError as error:
            print(f"{path.name} left out: {error.hint}", file=sys.stderr)
            continue
        if photo.face is None or photo.face.landmarks is None:
            print(f"{path.name} left out: no face can be read in it", file=sys.stderr)
        else:
            yield photo


def gather(photos: Iterable[PreparedPhoto], describer: Describer) -> Strangers:
    """One stranger for each photo.

    Args:
        photos: With landmarks.
        describer: Makes numbers of faces.
    """
    found = [
        describer.describe(np.asarray(photo.image.convert("RGB")), photo.face.landmarks)
        for photo in photos
        if photo.face is not None and photo.face.landmarks is not None
    ]
    return Strangers(np.asarray(found))


def usual_places(
    strangers: Strangers,
    photos: Sequence[PreparedPhoto],
    styles: Iterable[Style],
    scene: Scene,
    sitters: int,
    describer: Describer,
) -> dict[str, tuple[float, float]]:
    """By style, between which shares of the others half of the sitters' portraits lie; styles without a readable face
    are left out.

    Args:
        strangers: One for each photo, in their order.
        photos: With landmarks.
        styles: Those that need a picture are left out.
        scene: Behind them.
        sitters: How many of them are painted, spread over all.
        describer: As for `gather`.
    """
    engine = FilterEngine()
    numbers = sorted({round(one) for one in np.linspace(0, len(photos) - 1, sitters)})
    usual: dict[str, tuple[float, float]] = {}
    for style in styles:
        if style.needs_picture:
            continue
        shares = []
        for number in numbers:
            portrait = engine.render(photos[number], style, scene)
            face = photos[number].face
            drawn = described(describer, portrait, face.box) if face is not None else None
            if drawn is not None:
                shares.append(strangers.farther(drawn, strangers.descriptors[number], without=number).mean())
        if len(shares) > len(numbers) / 2:
            low, high = np.percentile(shares, _QUARTILES)
            usual[style.id] = (float(low), float(high))
            print(f"{style.id:<20} {100 * low:3.0f} to {100 * high:3.0f} of 100", flush=True)
        else:
            print(f"{style.id:<20} no face can be read in most portraits", flush=True)
    return usual


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 where the file was written."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.strangers", description=(__doc__ or "").split("\n\n")[0].replace("\n", " ")
    )
    parser.add_argument("folder", type=Path, help=f"{LEAST_STRANGERS} photographs or more, of people who have agreed")
    parser.add_argument("file", type=Path, help="to write")
    parser.add_argument("--styles", default="", help="ids with commas between; left out, all")
    parser.add_argument("--sitters", type=int, default=_SITTERS, help="how many of them are painted in each style")
    options = parser.parse_args(arguments)
    try:
        return _run(options, FaceNetwork())
    except PortraitError as error:
        print(error.told, file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, describer: Describer) -> int:
    if reason := FaceNetwork.why_not():
        print(f"Faces cannot be compared here: {reason}", file=sys.stderr)
        return 1
    if not options.folder.is_dir():
        print(f"There is no folder {options.folder}.", file=sys.stderr)
        return 1
    presets = load_presets()
    wanted = [presets.style(one) for one in options.styles.split(",") if one] or list(presets.styles.values())
    photos = list(crops(options.folder))
    if len(photos) < LEAST_STRANGERS:
        print(f"There are {len(photos)} readable faces; {LEAST_STRANGERS} are needed at least.", file=sys.stderr)
        return 1
    strangers = gather(photos, describer)
    usual: dict[str, tuple[float, float]] = {}
    if options.sitters:
        usual = usual_places(strangers, photos, wanted, presets.scene("none"), options.sitters, describer)
    Strangers(strangers.descriptors, usual).write(options.file)
    print(f"{len(photos)} people are in {options.file}. Set STUDIO_IDENTITY to it.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

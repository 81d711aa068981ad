"""What would a stranger keep? Filter and diffusion side by side, in an order that nobody knows, without labels.

    python -m benchmarks.blind_sheets make  [--folder models/embedded] [--styles a,b] [--people 10] [--out out/blind]
    python -m benchmarks.blind_sheets count out/blind answers.txt

`make` writes a sheet a style, PEOPLE rows of photo, A and B, and the key, which whoever looks does not open. The
answers are lines such as `oil-master AABBABAABA`, one letter a row of the sheet, `=` for no difference. `count` opens
the key and prints how often diffusion was kept, by style and family. Both pictures have the size of the diffusion
portrait; the filter paints at its own size, as the studio would show it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.sitters import ROOT, as_shown, job_for, paint, sit, stack_of
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.likeness import for_stack
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.presets.loading import Presets, load_presets
from training.data import held_out_portraits

_GAP = 8


def make(options: argparse.Namespace, presets: Presets) -> None:
    """Paint the sheets and write the key."""
    engine, filters = DiffusionEngine(stack_of(options.folder)), FilterEngine()
    people = sit(held_out_portraits(options.portraits)[: options.people], engine.size)
    numbers = np.random.default_rng(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "key.json"
    key = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name in [name for name in options.styles.split(",") if name] or presets.styles:
        style = for_stack(presets.style(name), "embedded")
        rows, letters = [], ""
        for person in people:
            job = job_for(person, style, presets.scene(options.scene))
            pair = [paint(engine, job), as_shown(filters, job)]
            first = int(numbers.integers(2))
            letters += "AB"[first]
            shown = [np.asarray(person.photo.image), *(pair if first == 0 else pair[::-1])]
            gap = np.full((engine.size, _GAP, 3), 255, np.uint8)
            rows.append(np.hstack([shown[0], gap, shown[1], gap, shown[2]]))
        key[name] = letters
        for index, row in enumerate(rows):
            Image.fromarray(row).save(options.out / f"{name}-{index}.jpg", quality=93)
        path.write_text(json.dumps(key), "utf-8")
        print(name, flush=True)


def count(folder: Path, answers: Path, presets: Presets) -> None:
    """Print how often diffusion was kept."""
    key = json.loads((folder / "key.json").read_text("utf-8"))
    families: dict[str, list[float]] = {}
    for line in answers.read_text("utf-8").split("\n"):
        name, _, letters = line.partition(" ")
        if name not in key:
            continue
        kept = [
            0.5 if said == "=" else float(said == right)
            for said, right in zip(letters.strip(), key[name], strict=False)
        ]
        families.setdefault(presets.style(name).family, []).extend(kept)
        print(f"{name:16} {np.mean(kept):.0%} of {len(kept)}")
    for family, kept in families.items():
        print(f"{family:16} {np.mean(kept):.0%} of {len(kept)}")
    print(f"{'all':16} {np.mean([one for kept in families.values() for one in kept]):.0%}")


def main(arguments: list[str]) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.blind_sheets", description=__doc__.splitlines()[0])
    ways = parser.add_subparsers(dest="way", required=True)
    maker = ways.add_parser("make", help="paint the sheets")
    maker.add_argument("--folder", type=Path, default=ROOT / "models" / "embedded")
    maker.add_argument("--portraits", type=Path, default=ROOT.parent / "shared" / "portraits")
    maker.add_argument("--styles", default="", help="ids, separated by commas; left out, all")
    maker.add_argument("--scene", default="none")
    maker.add_argument("--people", type=int, default=10)
    maker.add_argument("--seed", type=int, default=0, help="of the order")
    maker.add_argument("--out", type=Path, default=ROOT / "out" / "blind")
    counter = ways.add_parser("count", help="compare answers with the key")
    counter.add_argument("sheets", type=Path)
    counter.add_argument("answers", type=Path)
    options = parser.parse_args(arguments)
    presets = load_presets()
    if options.way == "make":
        make(options, presets)
    else:
        count(options.sheets, options.answers, presets)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

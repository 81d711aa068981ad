"""Whether a portrait's place among strangers means anything: by style, by likeness, by skin tone.

    python -m benchmarks.identity FOLDER [--styles a,b] [--sitters 10] [--size 512]

Everybody in the folder is a stranger to everybody else. Some are painted by the instant filters in each style at
likeness 0, 0.5 and 1, and each portrait is placed: the share of the others that it is farther from than from its own
photo, and the distance to that photo. Printed by style are medians of both, the share of portraits that are closest to
their own photo (first), how many faces could be read, and whether the distance falls as likeness rises; by the class of
the photo's typology angle the median place, for a network that sees some people less well would show there first.
Chance is a place of 50 and first in 1 of all.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.likeness import LIKENESS, people
from pipelines.engines.filters.engine import FilterEngine
from pipelines.faithfulness.identity import FaceNetwork, described
from pipelines.presets.loading import load_presets
from pipelines.strangers import gather


class Placed(NamedTuple):
    """A portrait among strangers: share of them, 0 to 1, and distance to its own photo; None where no face was read."""

    group: str
    share: float | None
    distance: float | None


def _medians(placed: list[Placed]) -> tuple[float, float, float]:
    """Place of 100, share of first places in percent, distance."""
    shares = [one.share for one in placed if one.share is not None]
    distances = [one.distance for one in placed if one.distance is not None]
    if not shares:
        return float("nan"), float("nan"), float("nan")
    return 100 * float(np.median(shares)), 100 * float(np.mean(np.equal(shares, 1))), float(np.median(distances))


def measured(options: argparse.Namespace) -> dict[tuple[str, float], list[Placed]]:
    """Every portrait's place, by style and likeness."""
    presets, engine, network = load_presets(), FilterEngine(), FaceNetwork()
    sitters = list(people(options.folder, options.size, 0))
    photos = [photo for photo, _ in sitters]
    strangers = gather(photos, network)
    wanted = [presets.style(one) for one in options.styles.split(",") if one] or list(presets.styles.values())
    found: dict[tuple[str, float], list[Placed]] = defaultdict(list)
    for number in sorted({round(one) for one in np.linspace(0, len(sitters) - 1, options.sitters)}):
        photo, group = sitters[number]
        own = strangers.descriptors[number]
        assert photo.face is not None
        for style in (one for one in wanted if not one.needs_picture):
            for likeness in LIKENESS:
                portrait = engine.render(photo, style, presets.scene("none"), likeness=likeness)
                drawn = described(network, portrait, photo.face.box)
                if drawn is None:
                    found[style.id, likeness].append(Placed(group, None, None))
                    continue
                share = float(strangers.farther(drawn, own, without=number).mean())
                found[style.id, likeness].append(Placed(group, share, float(np.linalg.norm(drawn - own))))
    return found


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identity", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--styles", default="", help="ids with commas between; left out, all")
    parser.add_argument("--sitters", type=int, default=10, help="how many people are painted")
    parser.add_argument("--size", type=int, default=512)
    options = parser.parse_args(arguments)
    if reason := FaceNetwork.why_not():
        print(reason, file=sys.stderr)
        return 1
    found = measured(options)
    head = f"{'style':<18}{'place: 0':>10}{'0.5':>6}{'1':>6}{'first: 0.5':>12}"
    print(f"{head}{'distance: 0':>13}{'0.5':>7}{'1':>7}{'read':>9}  falls")
    for style in dict.fromkeys(style for style, _ in found):
        places, firsts, distances = zip(*(_medians(found[style, one]) for one in LIKENESS), strict=True)
        all_of_it = [one for likeness in LIKENESS for one in found[style, likeness]]
        read = sum(one.share is not None for one in all_of_it)
        row = "".join(f"{place:{width}.0f}" for place, width in zip(places, (10, 6, 6), strict=True))
        row += f"{firsts[1]:11.0f}%" + "".join(f"{one:{w}.2f}" for one, w in zip(distances, (13, 7, 7), strict=True))
        falls = "yes" if distances[0] >= distances[1] >= distances[2] else "no"
        print(f"{style:<18}{row}{read:5d}/{len(all_of_it):<3d}  {falls}")
    groups = defaultdict(list)
    for (_, likeness), placed in found.items():
        if likeness == 0.5:
            for one in placed:
                groups[one.group].append(one)
    print(f"\n{'skin tone':<18}{'portraits':>10}{'place':>7}{'first':>7}{'read':>7}")
    for group, placed in sorted(groups.items()):
        place, first, _ = _medians(placed)
        read = sum(one.share is not None for one in placed)
        print(f"{group:<18}{len(placed):10d}{place:7.0f}{first:6.0f}%{100 * read / len(placed):6.0f}%")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

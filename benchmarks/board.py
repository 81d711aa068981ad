"""What a board saves: many styles on a board over as many times one portrait, in one run.

    python -m benchmarks.board [--engine embedded] [--photo FILE] [--styles 12] [--shell]

One portrait is what a visitor asks for who comes with a photo: it is opened, the face is found, the crop is cut,
control images are drawn, the portrait is painted, marked, signed, saved and measured, by an engine that is loaded
already. On a board, what is drawn from the photo alone is drawn once. Both make the same pictures of the same styles.

Prints wall-clock and processor seconds; on a busy machine the processor's are the steadier. `--shell` compares what one
types instead: `python -m pipelines` once for each style, and `python -m pipelines.board` once, each a fresh process
that loads libraries and model. The exit status is 1 where the ratio of processor seconds misses its bar: 0.8 for model
stacks, 0.5 for the instant filters.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image
from skimage import data

from pipelines.board.definition import Board, build_board
from pipelines.board.photos import open_photos
from pipelines.board.runner import checked, make
from pipelines.board.store import Store
from pipelines.engines.base import PREVIEW
from pipelines.photo.opening import open_photo
from pipelines.portrait_request import build_request
from pipelines.presets.loading import load_presets
from pipelines.schema import Consent
from pipelines.self_portrait import SelfPortraitPipeline

BARS = {PREVIEW: 0.5}
BAR = 0.8
CONSENT = Consent(
    id="benchmark-1",
    session="benchmark",
    granted_at=datetime.now(UTC),
    notice_version="benchmark",
    notice_sha256="0" * 64,
)


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and processor seconds of `work`, its child processes included."""
    started, spent = time.perf_counter(), _processor()
    work()
    return time.perf_counter() - started, _processor() - spent


def _processor() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def board_of(photo: Path, styles: Sequence[str], engine: str) -> Board:
    """The board that is measured."""
    return build_board(
        {
            "title": "What a board saves",
            "styles": list(styles),
            "engines": [engine],
            "photos": [{"file": photo.name, "consent": "A public-domain picture, or one's own, for a measurement."}],
        }
    )


def in_process(photo: Path, styles: Sequence[str], engine: str, out: Path) -> tuple[list[tuple[float, float]], ...]:
    """Costs of one portrait of each style alone, and of the board, by an engine that is loaded."""
    pipeline = SelfPortraitPipeline(load_presets(), out)

    def alone(style: str) -> None:
        request = build_request(
            photo=open_photo(photo), face_index=None, style_id=style, seeds=(0,), model_id=engine, consent=CONSENT
        )
        pipeline(request, out_dir=out / "alone")

    def board() -> None:
        said = board_of(photo, styles, engine)
        found = checked(pipeline, said, CONSENT.session)
        outcome = make(pipeline, found, open_photos(said, photo.parent), Store(out / "board"), CONSENT)
        if outcome.made != len(styles):
            raise SystemExit(f"Only {outcome.made} of {len(styles)} portraits came.")

    for style in styles:  # models and networks are loaded, prompts of all styles encoded
        alone(style)
    return [cost(lambda style=style: alone(style)) for style in styles], [cost(board)]  # type: ignore[misc]


def in_shell(photo: Path, styles: Sequence[str], engine: str, out: Path) -> tuple[list[tuple[float, float]], ...]:
    """The same as commands, each a process of its own."""
    file = out / "board.toml"
    said = board_of(photo, styles, engine)
    lists = f"styles = {list(said.styles)!r}\nengines = [{engine!r}]\n".replace("'", '"')
    entry = f'[[photos]]\nfile = "{photo.name}"\nconsent = "{said.photos[0].consent}"\n'
    file.write_text(f'title = "{said.title}"\n{lists}{entry}', "utf-8")

    def run(*words: str) -> None:
        subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)

    def alone(style: str) -> None:
        run("pipelines", str(photo), "--style", style, "--model", engine, "--seed", "0", "--out", str(out / "alone"))

    costs = [cost(lambda style=style: alone(style)) for style in styles]  # type: ignore[misc]
    return costs, [cost(lambda: run("pipelines.board", str(file), str(photo.parent), "--out", str(out / "board")))]


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.board", description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="embedded")
    parser.add_argument("--photo", type=Path, help="by default scikit-image's astronaut")
    parser.add_argument("--styles", type=int, default=12, help="how many, spread over all")
    parser.add_argument("--shell", action="store_true", help="compare commands instead")
    options = parser.parse_args(arguments)
    known = list(load_presets().styles)
    styles = [known[round(place * (len(known) - 1) / max(1, options.styles - 1))] for place in range(options.styles)]
    with tempfile.TemporaryDirectory() as folder:
        photo = options.photo
        if photo is None:
            photo = Path(folder) / "astronaut.png"
            Image.fromarray(data.astronaut()).save(photo)
        measure = in_shell if options.shell else in_process
        each, (board,) = measure(photo, styles, options.engine, Path(folder))
    wall, spent = (sum(values) for values in zip(*each, strict=True))
    print(f"{options.engine}, {len(styles)} styles{', each command a process of its own' if options.shell else ''}")
    print(f"{'':<22}{'s':>8}{'processor s':>14}")
    print(f"{f'{len(styles)} x one portrait':<22}{wall:8.1f}{spent:14.1f}")
    print(f"{'on a board':<22}{board[0]:8.1f}{board[1]:14.1f}")
    ratio, bar = board[1] / spent, BARS.get(options.engine, BAR)
    print(f"{'ratio':<22}{board[0] / wall:8.2f}{ratio:14.2f}   (bar {bar:g}: {'met' if ratio < bar else 'missed'})")
    return 0 if ratio < bar else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""How busy a fast device is kept: portraits one after the other, and as the studio makes them, in one run.

    python -m benchmarks.busy_device [--seconds 0.15,0.4,1] [--size 1024] [--styles 12]

There is no GPU here, so its place is taken by an engine that only waits, as long as a GPU would take for a portrait;
everything around it is the studio's own: the crop, the checkers, marking, signing, saving and measuring. So this tells
what the studio adds to the device's time on this machine's processor, and nothing of any GPU.

Prints, for each time of a portrait on the device, wall-clock seconds a portrait: one after the other, where the device
waits until a portrait is prepared and finished; as they are made, where that is done for others meanwhile; and the
ratio. Of a board, whose photo is prepared once, and of a crowd, each with a photo of their own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from PIL import Image
from skimage import data

from benchmarks.board import CONSENT, board_of, cost
from pipelines import sizes, worker
from pipelines.board.cells import cells, request_of
from pipelines.board.photos import open_photos
from pipelines.board.runner import checked, make
from pipelines.board.store import Store
from pipelines.engines.base import AUTO, EngineChoice, EngineInfo, Made, Studio
from pipelines.engines.registry import Engines
from pipelines.errors import Cancelled
from pipelines.photo.opening import open_photo
from pipelines.portrait_request import build_request
from pipelines.presets.loading import load_presets
from pipelines.schema import AnnotatorName, Job, PortraitRequest, Shape, Size, StepCallback
from pipelines.self_portrait import SelfPortraitPipeline

_STEPS = 4
_AT_ONCE = 4
_ID = "waits"


class Waiting:
    """An engine that waits for its device, and hands out the photo. See `base.Engine`."""

    name = "An engine that only waits"
    model_id = _ID
    is_diffusion = True

    def __init__(self, seconds: float, size: int) -> None:
        self.size = size
        self._seconds = seconds

    def dimensions(self, shape: Shape, size: Size, detail: float) -> tuple[int, int]:
        """See Engine.dimensions."""
        return sizes.within(shape, self.size)

    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        """See Engine.annotators."""
        return ("lineart", "canny")

    def load(self) -> None:
        """Nothing to load."""

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        """See Engine.make."""
        for name in self.annotators(job):
            studio.control(name)
        for step in range(_STEPS):
            time.sleep(self._seconds / _STEPS)
            if not on_step(step + 1, _STEPS, None):
                raise Cancelled("Stopped.")
        return Made([job.photo.image.copy()])

    def close(self) -> None:
        """Nothing to free."""


class OnDevice:
    """That engine alone. See `base.EngineSource`."""

    ids = (AUTO, _ID)

    def __init__(self, engine: Waiting) -> None:
        self._engine = engine

    def infos(self) -> tuple[EngineInfo, ...]:
        """Of the one."""
        (filters,) = Engines({}).infos()
        return (replace(filters, id=_ID, name=self._engine.name, is_diffusion=True, is_automatic=True),)

    def create(self, model_id: str) -> EngineChoice:
        """See `base.EngineSource.create`."""
        return EngineChoice(self._engine)


def of_board(pipeline: SelfPortraitPipeline, size: int, styles: list[str], folder: Path) -> tuple[float, float]:
    """Wall-clock seconds a portrait: one after the other, and on a board."""
    photo = folder / "astronaut.png"
    Image.fromarray(data.astronaut()).resize((size, size)).save(photo)
    board = checked(pipeline, board_of(photo, styles, _ID), CONSENT.session)
    photos = open_photos(board.board, folder)
    requests = [request_of(board, cell, photos[0], CONSENT) for cell in cells(board, photos)]
    pipeline(requests[0], in_series=True)  # the crop is cut, and whoever looks at it has been loaded
    alone, _ = cost(lambda: [pipeline(request, in_series=True) for request in requests])
    together, _ = cost(lambda: make(pipeline, board, photos, Store(folder / "board"), CONSENT))
    return alone / len(requests), together / len(requests)


def of_crowd(pipeline: SelfPortraitPipeline, size: int, styles: list[str]) -> tuple[float, float]:
    """The same of visitors, four at a time."""

    def requests() -> list[PortraitRequest]:
        picture = Image.fromarray(data.astronaut()).resize((size, size))
        return [
            build_request(
                photo=open_photo(picture),
                face_index=None,
                style_id=style,
                seeds=(0,),
                model_id=_ID,
                consent=CONSENT.model_copy(update={"session": f"visitor-{style}"}),
            )
            for style in styles
        ]

    def served(request: PortraitRequest) -> object:
        return list(worker.run(pipeline, request))[-1]

    one_by_one, at_once = requests(), requests()
    alone, _ = cost(lambda: [pipeline(request) for request in one_by_one])
    with ThreadPoolExecutor(_AT_ONCE) as visitors:
        together, _ = cost(lambda: list(visitors.map(served, at_once)))
    return alone / len(styles), together / len(styles)


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.busy_device", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", default="0.15,0.4,1", help="of a portrait on the device")
    parser.add_argument("--size", type=int, default=1024, help="of the portraits, in pixels")
    parser.add_argument("--styles", type=int, default=12, help="the first so many")
    options = parser.parse_args(arguments)
    styles = [name for name, style in load_presets().styles.items() if not style.needs_picture][: options.styles]
    print(f"{len(styles)} styles, {options.size} px; seconds a portrait")
    print(f"{'':<8}{'on the device':>14}{'one by one':>12}{'as made':>10}{'times as fast':>15}")
    for seconds in (float(one) for one in options.seconds.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            engines = {"device": OnDevice(Waiting(seconds, options.size))}
            pipeline = SelfPortraitPipeline(load_presets(), Path(folder) / "portraits", engines=engines)
            found = {
                "board": of_board(pipeline, options.size, styles, Path(folder)),
                "crowd": of_crowd(pipeline, options.size, styles),
            }
            pipeline.close()
        for name, (alone, together) in found.items():
            print(f"{name:<8}{seconds:14.2f}{alone:12.2f}{together:10.2f}{alone / together:15.2f}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

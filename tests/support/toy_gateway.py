"""A gateway whose cluster is this process: all of the real one but Ray, for which a handle stands in.

Started as the real one is; the second argument is the number of its socket, the first says what its replica does.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pipelines.cluster import gateway
from pipelines.cluster.painting import Loaded, Painter
from pipelines.engines.base import Made, Studio
from pipelines.errors import Cancelled, EngineFailed
from pipelines.schema import Job, StepCallback
from tests.support.fakes import FakeEngine

OFFER = {"id": "embedded", "available": True, "reason": "Good.", "without": []}


class Slow(FakeEngine):
    """Takes a thousand steps, and leaves a file with their number."""

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        for step in range(1, 1001):
            Path("steps.txt").write_text(str(step))
            if not on_step(step, 1000, None):
                raise Cancelled("Stopped; nothing was kept.")
            time.sleep(0.01)
        return Made([job.photo.image])


class Broken(FakeEngine):
    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        raise EngineFailed(f"About {job.words}")


class ActorDiedError(Exception):
    """As Ray's, of which the gateway reads the name."""


class RayActorError(ActorDiedError):
    """Its base there; here the other way round, which the gateway does not mind."""


class BackPressureError(Exception):
    """As Serve's, likewise."""


class Response:
    """What a handle's call gives: a stream, or one answer."""

    def __init__(self, stream: AsyncGenerator[Any, None]) -> None:
        self._stream = stream

    def __aiter__(self) -> AsyncGenerator[Any, None]:
        return self._stream

    def __await__(self) -> Any:
        return anext(self._stream, None).__await__()

    def cancel(self) -> None:
        asyncio.get_running_loop().create_task(self._stream.aclose())


class Handle:
    def __init__(self, way: str) -> None:
        self.way, self.method = way, ""
        self.painter = Painter({})
        self.loaded = Loaded({"slow": Slow, "broken": Broken}.get(way, FakeEngine)())

    def options(self, method_name: str, multiplexed_model_id: str, stream: bool = False) -> "Handle":
        self.method = method_name
        return self

    def remote(self, model_id: str, run: str = "", attempt: int = 0, job: Any = None) -> Response:
        return Response(self._paint(run, attempt, job) if self.method == "paint" else self._warm())

    async def _warm(self) -> AsyncGenerator[None, None]:
        yield None

    async def _paint(self, run: str, attempt: int, job: Any) -> AsyncGenerator[Any, None]:
        with Path("attempts.txt").open("a") as file:
            file.write(f"{run} {attempt}\n")
        if self.way == "full-for-a-while" and len(Path("attempts.txt").read_text().splitlines()) < 4:
            raise BackPressureError
        number = 0
        async for told in self.painter.paint(self.loaded, run, attempt, job):
            number += 1
            if number == 2 and (self.way == "dies" or (self.way == "dies-once" and attempt == 1)):
                raise RayActorError
            if number == 2 and self.way == "gateway-dies-once" and not Path("died.txt").exists():
                Path("died.txt").touch()
                os._exit(9)
            yield told


def _join(setup: Any) -> gateway.Joined:
    os.chdir(os.environ["TOY_FOLDER"])
    return gateway.Joined(Handle(sys.argv[1]), [OFFER], lambda: {"RUNNING": 1}, lambda: None)


if __name__ == "__main__":
    os._exit(gateway.main(int(sys.argv[2]), _join))

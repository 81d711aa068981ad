"""What one replica does: it has the engines of its machine, and paints one job at a time. Knows nothing of Ray.

The work is done in a thread, and what it tells comes out of an async generator: an event loop that was blocked for
minutes would be taken for dead, and cancelling reaches a coroutine only where it waits.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from PIL import Image

from languages.saying import say
from pipelines.cluster.wire import Plain, plain_failure, plain_made, plain_step, plain_words, read_job
from pipelines.engines.base import Engine
from pipelines.engines.filters.stage import Stage
from pipelines.engines.registry import Engines
from pipelines.errors import Cancelled
from pipelines.hub import weights
from pipelines.hub.stack import ModelStack
from pipelines.job_studio import JobStudio

log = logging.getLogger(__name__)

_ILL_AFTER = 2  # jobs in a row that failed in a way that may be the machine's fault
_KNOWN_RUNS = 512


class Loaded:
    """An engine with its weights, which are freed when nobody holds it any more."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        engine.load()

    def __del__(self) -> None:
        self.engine.close()


class Painter:
    """Engines of the stacks that are on this machine.

    Args:
        models: Stacks by id.
    """

    def __init__(self, models: Mapping[str, ModelStack]) -> None:
        self._models = models
        self._engines = Engines(models)
        self._busy = asyncio.Lock()
        self._failures = 0
        self._runs: dict[str, int] = {}  # the latest attempt at each

    def offers(self) -> list[Plain]:
        """Each stack: whether it can run here, why not, and which of its parts it does without."""
        found = []
        for info in self._engines.infos():
            stack = self._models.get(info.id)
            if stack is None:  # the instant filters are made where the page is
                continue
            usable = {part.name for part in (weights.usable(stack) or stack).components()}
            found.append(
                {
                    "id": info.id,
                    "available": info.available,
                    "reason": plain_words(info.reason),
                    "without": [part.name for part in stack.components() if part.name not in usable],
                }
            )
        return found

    async def load(self, model_id: str) -> Loaded:
        """An engine with its weights.

        Raises:
            EngineUnavailable: They are not here, or damaged.
        """
        return await asyncio.to_thread(lambda: Loaded(self._engines.create(model_id).engine))

    async def paint(self, loaded: Loaded, run: str, attempt: int, job: Plain) -> AsyncGenerator[Plain, None]:
        """Do one job: its steps, then what came of it. Closing the generator stops the work within two steps, and
        waits for that.

        Args:
            run: Its name.
            attempt: Counts from 1; one that was seen here, or came before one that was, is refused: what is sent twice
                on its way is painted once.
            job: From `wire.plain_job`.
        """
        if attempt <= self._runs.get(run, 0):
            yield plain_failure(Cancelled(say("Stopped before it began.")), loaded.engine.name)
            return
        self._runs[run] = attempt
        while len(self._runs) > _KNOWN_RUNS:
            del self._runs[next(iter(self._runs))]
        async with self._busy:
            work = _Work(loaded.engine, job, asyncio.get_running_loop())
            del job
            try:
                async for told in work:
                    if told["kind"] != "step":
                        suspect = told["kind"] == "failure" and told["suspect"]
                        self._failures = self._failures + 1 if suspect else 0
                    yield told
            finally:
                await work.end()

    @property
    def is_ill(self) -> bool:
        """Whether this process had better be replaced by a new one."""
        return self._failures >= _ILL_AFTER


class _Work:
    """One job in a thread of its own, and what it tells."""

    def __init__(self, engine: Engine, job: Plain, loop: asyncio.AbstractEventLoop) -> None:
        self._engine, self._loop = engine, loop
        self._told: asyncio.Queue[Plain] = asyncio.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._paint, args=(job,), name="painting", daemon=True)
        self._thread.start()

    async def __aiter__(self) -> AsyncGenerator[Plain, None]:
        while True:
            told = await self._told.get()
            yield told
            if told["kind"] != "step":
                return

    async def end(self) -> None:
        """Stop the work, and wait until the engine is free."""
        self._stop.set()
        await asyncio.shield(asyncio.to_thread(self._thread.join))

    def _tell(self, told: Plain) -> None:
        self._loop.call_soon_threadsafe(self._told.put_nowait, told)

    def _on_step(self, step: int, total: int, preview: Image.Image | None) -> bool:
        if not self._stop.is_set():
            self._tell(plain_step(step, total, preview))
        return not self._stop.is_set()

    def _paint(self, plain: dict[str, Any]) -> None:
        try:
            job = read_job(plain)
            plain.clear()
            told = plain_made(self._engine.make(job, JobStudio(job, {}, Stage()), self._on_step))
        except BaseException as error:  # told to whoever asked; an exception would be printed, a visitor's words too
            log.warning("a job failed: %s", type(error).__name__)
            told = plain_failure(error, self._engine.name)
        self._tell(told)

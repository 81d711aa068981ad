"""app.py with an engine and a page that break and quote all that they know: what a bad day looks like."""

import asyncio
import logging
import sys
import threading
import warnings
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import app
from pipelines.engines.filters.engine import FilterEngine
from tests.support.traces import NAME, WORDS
from ui import prints


def _generate(self: FilterEngine, job: object, *_: object) -> NoReturn:
    warnings.warn(f"cannot paint {job!r}", stacklevel=1)
    logging.getLogger("diffusers").error("truncated: %s", WORDS)
    threading.Thread(target=_fail, args=(NAME,)).start()
    raise RuntimeError(f"cannot paint {job!r} of {NAME} with {WORDS}")


def _badge(*_: object) -> NoReturn:
    asyncio.new_event_loop().call_exception_handler({"message": WORDS, "exception": ValueError(NAME)})
    try:
        raise ValueError(WORDS)
    except ValueError as error:
        raise KeyError(NAME) from error


def _fail(name: str) -> NoReturn:
    raise ValueError(name)


if __name__ == "__main__":
    FilterEngine.generate = _generate  # type: ignore[method-assign,assignment]
    prints.badge = _badge  # type: ignore[assignment]
    sys.exit(app.main())

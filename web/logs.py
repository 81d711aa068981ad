"""What the log may say: which part did what and where it failed, never a visitor's words, file name or picture.

Exceptions quote what they choked on: a prompt, a path, a choice. So of each exception only the kind and the places in
the code are written; and of other libraries' messages only who spoke, since nobody here can know what they quote.
"""

from __future__ import annotations

import errno
import logging
import sys
import threading
import traceback
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from pipelines.errors import PortraitError
from web.gradio_seams import report_errors

_OURS = ("app", "pipelines", "study", "studio", "ui", "visits", "web", "__main__")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_MAX_CHAIN = 6

log = logging.getLogger("studio")


def describe(error: BaseException | None) -> str:
    """The kinds of an exception and of those behind it, outermost last, with the places they passed; no messages."""
    lines: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen and len(seen) < _MAX_CHAIN:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__, limit=-12)
        places = [f"    {'/'.join(Path(f.filename).parts[-3:])}:{f.lineno} in {f.name}" for f in frames]
        lines[:0] = [_kind(error), *places]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)


def _kind(error: BaseException) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, PortraitError):
        return f"{kind} ({error.code})"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{kind} ({errno.errorcode.get(error.errno, error.errno)})"
    if isinstance(error, BaseExceptionGroup):
        return f"{kind} of {', '.join(_kind(inner) for inner in error.exceptions)}"
    return kind


class DiscreetFormatter(logging.Formatter):
    """Formats records as the module says."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__(_FORMAT)  # whatever the configuration of a library asks for

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return describe(ei[1])

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        if record.name.split(".")[0] not in _OURS:
            record.message = f"a message from {record.module}:{record.lineno}, withheld"
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # of another handler, with the message
        try:
            return super().format(record)
        finally:
            record.exc_text = None


def set_up_logging() -> None:
    """Make everything that this process writes discreet. Must run before the server starts."""
    handler = logging.StreamHandler()
    handler.setFormatter(DiscreetFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("httpx", "httpcore", "matplotlib", "PIL", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    warnings.showwarning = _warned
    report_errors(_event_failed)


def _uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    log.critical("stopped by an error that nobody caught", exc_info=error)


def _uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        log.error("a thread ended with an error", exc_info=arguments.exc_value)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    log.info("%s from %s:%d", category.__name__, "/".join(Path(filename).parts[-3:]), lineno)


def _event_failed(*_: Any, **__: Any) -> None:
    log.error("an event failed", exc_info=sys.exc_info()[1])

"""The one place where an error becomes a sentence for the visitor and a line in the log.

The log gets an id and the code of the error; never a file name of the visitor, a prompt or a picture.
"""

from __future__ import annotations

import logging
import secrets

from languages.saying import say
from pipelines.errors import CredentialsError, EngineError, EngineFailed, PortraitError, PresetError, SaveError

log = logging.getLogger("studio")


_OPERATORS = (EngineError, SaveError, PresetError, CredentialsError)  # details of the machine, not the visitor


def sentence(error: BaseException) -> str:
    """Log an error and answer with the one sentence that the visitor reads.

    Args:
        error: A PortraitError gives its hint. Anything else is a fault of ours: its traceback goes to the log, and the
            sentence carries the id to find it by.
    """
    number = secrets.token_hex(3)
    if isinstance(error, PortraitError):
        quotes = isinstance(error, EngineFailed)  # its details may quote the prompt; the log gets its kind and place
        detail = f": {error.detail}" if error.detail and isinstance(error, _OPERATORS) and not quotes else ""
        cure = f" {error.cure}" if error.cure else ""
        log.warning("request %s refused, %s%s%s", number, error.code, detail, cure, exc_info=error if quotes else None)
        return error.hint
    log.error("request %s failed, unexpected", number, exc_info=error)
    return say(
        "Something went wrong on our side. Please try again; if it happens again, mention the number {number}.",
        number=number,
    )

"""A ZeroGPU Space: the page has no GPU, and borrows one for each portrait of the large model.

The function that works with the GPU is called straight from an event's handler: the time counts for the visitor whose
request is in the context of that call. It is not the handler itself, whose arguments would have to hold the photo: that
is in the memory of this process and nowhere else. Boards and user studies, which no event waits for, use the built-in
model, on the processor.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from languages.saying import say
from pipelines import heavy
from pipelines.engines import lent
from pipelines.engines.base import AUTO
from pipelines.engines.device import is_full_size, why_not
from pipelines.engines.registry import Engines
from pipelines.errors import EngineBusy, EngineError, EngineFailed, EngineUnavailable, PortraitError
from pipelines.hub.stack import ModelStack
from pipelines.schema import Job
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.waiting_times import duration
from web.gradio_seams import is_in_event, refusal_of

log = logging.getLogger(__name__)

NAME = "lent GPU"
_AT_ONCE = 64  # the lender has a line of its own


def lend_gpu(pipeline: SelfPortraitPipeline, flags: Path) -> None:
    """Let portraits of the best large model that is here be made with the GPU that is lent.

    Must run in the main thread, before the page is launched, which packs the weights that are loaded here; where none
    are here, portraits are made on the processor.

    Args:
        flags: Folder for the files by which work there is stopped.

    Raises:
        EngineUnavailable: The weights are damaged.
    """
    stack = _best(pipeline)
    durations = lent.Durations({} if stack is None else {stack.id: stack.memory_bytes})
    engines: dict[str, Any] = {}
    # Also where there is nothing to lend it to: such a Space must have one function that is marked.
    marked = heavy.load("spaces").GPU(duration=durations)(lent.worker(engines))
    if stack is None:
        return
    engines[stack.id] = lent.loaded_engine(stack)

    def borrow(model_id: str, job: Job, drawn: lent.Drawn, flag: str) -> Generator[lent.Told, None, None]:
        try:
            yield from marked(model_id, job, drawn, flag)
        except PortraitError:
            raise
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None:
                log.error("no GPU was lent", exc_info=error)
            raise in_our_words(*(refusal or ("", ""))) from None

    engine = lent.LentEngine(engines[stack.id], borrow, durations, flags)
    infos = Engines({stack.id: stack}, pipeline.safety.why_not, device=lent.DEVICE).infos()
    info = replace(next(one for one in infos if one.id == stack.id), is_automatic=True)
    pipeline.add_device(NAME, lent.LentEngines(engine, stack, info), room=_AT_ONCE, is_open=is_in_event)


def _best(pipeline: SelfPortraitPipeline) -> ModelStack | None:
    """The large stack to lend the GPU to: the operator's choice, or the one of the highest rank whose weights are here.

    One alone: the weights of all would go to the GPU with every call.
    """
    models = pipeline.presets.models.values()
    able = [
        stack
        for stack in models
        if is_full_size(stack) and not why_not(stack, lent.DEVICE) and not pipeline.safety.why_not(stack)
    ]
    if pipeline.automatic != AUTO:
        return next((stack for stack in able if stack.id == pipeline.automatic), None)
    return max((stack for stack in able if stack.rank > 0), key=lambda stack: stack.rank, default=None)


def in_our_words(title: str, message: str) -> EngineError:
    """What the lender's refusal means for a visitor.

    Args:
        title: Of its error, such as "ZeroGPU quota exceeded"; an unknown one gets a sentence that holds for all.
        message: Its words, of which only numbers and signs are read.
    """
    # Translators: the end of the sentences about a lent GPU, where they have {other}
    other = say("or choose the built-in model under Advanced, which needs none")
    if title == "ZeroGPU quota exceeded":
        return EngineUnavailable(_quota(message, other), detail=title)
    if title == "ZeroGPU illegal duration":
        hint = say(
            "This asks for more GPU time at once than you may have; ask for fewer variations, {other}.", other=other
        )
        return EngineUnavailable(hint, detail=title)
    if title == "ZeroGPU pending credits exceeded":
        hint = say(
            "Too many of your pictures are being made with lent GPUs; wait for one of them, {other}.", other=other
        )
        return EngineBusy(hint, detail=title)
    if "proxy token" in message:
        return EngineUnavailable(
            say("This page has been open for too long to borrow a GPU; reload it, and nothing of yours is lost."),
            detail=f"{title}: token",
        )
    if title == "ZeroGPU queue timeout" or "No GPU was available" in message:
        hint = say("No GPU was free; nothing of yours is lost, so try again in a minute, {other}.", other=other)
        return EngineBusy(hint, detail=title)
    if title == "ZeroGPU worker error":
        return EngineFailed(
            say(
                "The lent GPU was taken away before the portrait was finished; ask for fewer variations, and try again."
            ),
            detail=f"{title}: {message}" if re.fullmatch(r"\w+|GPU task aborted", message) else title,
        )
    return EngineUnavailable(
        say("No GPU could be borrowed; try again, {other}.", other=other), detail=title or "unknown"
    )


def _quota(message: str, other: str) -> str:
    """Of a visitor who is not known, of one whose runs are used up, and of one whose seconds are."""
    if "No GPU was available" in message:
        return say("No GPU was free; sign in to Hugging Face to be served sooner, {other}.", other=other)
    again = re.search(r"Try again in (?:(\d+) days?, )?(\d+):(\d\d):(\d\d)", message)
    seconds = re.search(r"(\d+)s requested vs\. (-?\d+)s left", message)
    if again is None and seconds is None and "limit" in message and "runs" not in message:
        return say(
            "The GPU time of visitors who are not signed in is used up; sign in to Hugging Face, {other}.", other=other
        )
    when = say("tomorrow")
    if again is not None:
        days, hours, minutes, rest = (int(part or 0) for part in again.groups())
        wait = timedelta(days=days, hours=hours, minutes=minutes, seconds=rest).total_seconds()
        when = say("in {duration}", duration=duration(wait))
    if seconds is None:
        return say("You have borrowed GPUs too often today; try again {when}, {other}.", when=when, other=other)
    return say(
        "Your GPU time is used up: this asks for {requested} s, and {left} s are left. Try again {when}, {other}.",
        requested=int(seconds[1]),
        left=max(0, int(seconds[2])),
        when=when,
        other=other,
    )

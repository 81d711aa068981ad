"""What an event answers: values by the name of what shows them. What is not named stays as it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ParamSpec

import gradio as gr

from ui.errors import alert
from web.errors import sentence

Answer = dict[str, Any]
P = ParamSpec("P")


def told(handler: Callable[P, Answer]) -> Callable[P, Answer]:
    """What goes wrong becomes a notice; nothing else on the page changes."""

    @functools.wraps(handler)
    def answering(*args: P.args, **kwargs: P.kwargs) -> Answer:
        try:
            return handler(*args, **kwargs)
        except Exception as error:
            return {"notice": alert(sentence(error))}

    return answering


def listen(
    event: Callable[..., Any], handler: Callable[..., Any], shows: Mapping[str, Any], **options: Any
) -> Any:  # Gradio's Dependency, which it does not export
    """Let a handler that answers by name follow an event of Gradio's.

    Args:
        event: Such as `button.click`, or a function that takes the handler.
        handler: Answers with a dict, or yields some.
        shows: The component of each name that it may use.
        options: As for the event.
    """

    def placed(answer: Answer) -> dict[Any, Any]:
        # An empty dict would be taken for a value of the first component.
        return {shows[name]: value for name, value in answer.items()} or gr.skip()

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def streaming(*args: Any, **kwargs: Any) -> Iterator[dict[Any, Any]]:
            stream = handler(*args, **kwargs)
            try:
                for answer in stream:
                    yield placed(answer)
            finally:
                stream.close()

        return event(streaming, outputs=list(shows.values()), **options)

    @functools.wraps(handler)
    def answering(*args: Any, **kwargs: Any) -> dict[Any, Any]:
        return placed(handler(*args, **kwargs))

    return event(answering, outputs=list(shows.values()), **options)

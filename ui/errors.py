"""The one place where an error becomes words on the screen and a line in the log.

The log gets an id and the code of the error; never a file name of the visitor, a prompt or a picture.
"""

from __future__ import annotations

import html

import gradio as gr

from languages.saying import put_together, say
from pipelines.errors import WordsRefused
from web.errors import sentence


def for_api(error: BaseException) -> gr.Error:
    """The same for a caller of the API: an exception whose message is the sentence."""
    return gr.Error(str(sentence(error)), print_exception=False)


def alert(text: str) -> str:
    """HTML that a screen reader reads out at once. Empty text clears it."""
    return f'<p class="notice alert" role="alert">{html.escape(text)}</p>' if text else ""


def status(text: str) -> str:
    """HTML that a screen reader reads out when it is idle."""
    return f'<p class="notice status" role="status">{html.escape(text)}</p>' if text else ""


def explain(error: Exception) -> str:
    """The sentence for the visitor, with the words that it is about where words were refused."""
    words = sentence(error)
    if isinstance(error, WordsRefused) and error.found:
        return put_together(words, say("It is about “{found}”.", found=error.found))
    return words

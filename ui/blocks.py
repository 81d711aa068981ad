"""Gradio's page, with every error in our own words: without this, callers are told to change how we launch it."""

from __future__ import annotations

import gradio as gr

from pipelines.errors import RequestInvalid
from ui.errors import for_api
from web.calls import KEY_HEADER
from web.gradio_seams import ManyTongues

_SEND_A_FILE = (
    f'Send the photo as photo=handle_file("me.jpg"), not as a path, after client.headers["{KEY_HEADER}"] was set to '
    "the key that /consent gave you."
)
_WRONG_FORM = "One of these values has not the form that is expected; client.view_api() says which they have."


class StudioBlocks(ManyTongues):
    """A Blocks whose callers read one sentence, whatever went wrong."""

    def bad_input(self, is_path: bool) -> gr.Error:
        """What cannot be taken is the sender's to mend."""
        return for_api(RequestInvalid(_SEND_A_FILE if is_path else _WRONG_FORM))

    def failure(self, error: Exception) -> gr.Error:
        """The same sentence as on the page."""
        return for_api(error)

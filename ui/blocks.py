"""Gradio's page, with every error in our own words: without this, callers are told to change how we launch it."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.exceptions import InvalidPathError

from pipelines.errors import RequestInvalid
from ui.errors import for_api
from web.routes import KEY_HEADER

_SEND_A_FILE = (
    f'Send the photo as photo=handle_file("me.jpg"), not as a path, after client.headers["{KEY_HEADER}"] was set to '
    "the key that /consent gave you."
)
_WRONG_FORM = "One of these values has not the form that is expected; client.view_api() says which they have."


class StudioBlocks(gr.Blocks):
    """A Blocks whose callers read one sentence, whatever went wrong."""

    async def preprocess_data(self, block_fn: BlockFunction, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        """What was sent, as the handlers take it. What cannot be is the sender's to mend."""
        try:
            return await super().preprocess_data(block_fn, inputs, *args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            files = (value for part, value in zip(block_fn.inputs, inputs, strict=False) if isinstance(part, gr.File))
            is_path = isinstance(error, InvalidPathError) or any(not isinstance(v, dict | None) for v in files)
            raise for_api(RequestInvalid(_SEND_A_FILE if is_path else _WRONG_FORM)) from None

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Answer one event or call."""
        try:
            return await super().process_api(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            raise for_api(error) from None

"""The kinds of model stacks: what a file in presets/models may say for each, and which engine runs it.

A line here makes a new kind known to the presets, the downloader, the page and the generated documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipelines.engines.base import Engine
from pipelines.engines.flow.edit import KleinEngine, QwenEditEngine
from pipelines.engines.flow.stack import EditStack, ZImageStack
from pipelines.engines.flow.z_image import ZImageEngine
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.stack import UNetStack
from pipelines.hub.stack import ModelStack


@dataclass(frozen=True)
class Kind:
    """One kind of model stack.

    Attributes:
        stack: The class of its files in presets/models.
        engine: Makes the engine of a stack; must load nothing heavy before the engine's first portrait. Where the
            studio works on devices that it chose, it is told which one by the keyword `device`.
    """

    stack: type[ModelStack]
    engine: Callable[..., Engine]


_UNET = Kind(UNetStack, DiffusionEngine)

KINDS: Mapping[str, Kind] = {
    "sd15": _UNET,
    "sdxl": _UNET,
    "sdxl-union": _UNET,
    "flux2-klein": Kind(EditStack, KleinEngine),
    "qwen-edit-plus": Kind(EditStack, QwenEditEngine),
    "z-image": Kind(ZImageStack, ZImageEngine),
}

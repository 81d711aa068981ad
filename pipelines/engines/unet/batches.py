"""Several seeds at once, where a GPU has the memory: it is hardly busier with two pictures than with one.

On a processor, which is busy with one, they are made one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from PIL import Image

from pipelines import heavy
from pipelines.engines.device import is_out_of_memory

# Of the free memory: torch's pieces do not fit together without gaps, and a picture checker may want some meanwhile.
_SHARE = 0.6


class Memory(Protocol):
    """What a GPU tells of its memory, in bytes; see `pipelines.engines.device.CudaMemory`."""

    def free(self) -> int:
        """What a picture could have now."""
        ...

    def mark(self) -> None:
        """Measure from here on."""
        ...

    def peak(self) -> int:
        """The most that was taken since, beyond what was taken already."""
        ...


class Batches:
    """How many pictures are made at once: as many as fit, by what one took.

    The first is made alone, and measured. Where memory runs out all the same, they are made one after the other from
    then on.

    Args:
        memory: Of the GPU; None where there is none, or where its memory is spent sparingly.

    Attributes:
        gave_up: Memory ran out with several at once.
    """

    def __init__(self, memory: Memory | None) -> None:
        self.gave_up = False
        self._memory = memory
        self._each = 0.0  # bytes for a pixel
        self._is_news = False

    def at_once(self, wanted: int, pixels: int) -> int:
        """How many of the pictures that are wanted are made next, at least 1.

        Args:
            pixels: Of each.
        """
        if self._memory is None or self.gave_up or not self._each:
            return 1
        return max(1, min(wanted, int(_SHARE * self._memory.free() / (self._each * pixels))))

    @contextmanager
    def measured(self, count: int, pixels: int) -> Iterator[None]:
        """Around the making of so many pictures of so many pixels."""
        if self._memory is not None:
            self._memory.mark()
        try:
            yield
        except Exception as error:
            if count > 1 and is_out_of_memory(error):
                self.gave_up = self._is_news = True
            raise
        if self._memory is not None:
            self._each = self._memory.peak() / (count * pixels)  # the newest: others may have taken memory meanwhile

    def just_gave_up(self) -> bool:
        """Whether the last ones ran out of memory because they were several; true once."""
        news, self._is_news = self._is_news, False
        return news


def for_several(arguments: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Keyword arguments of a pipeline call for one picture, repeated for several of the same words and face.

    Args:
        arguments: Control images and what adapters see are left as they are: the pipelines repeat those themselves.
        seeds: How many.
    """
    return arguments | {
        name: arguments[name].repeat_interleave(seeds, dim=0) for name in arguments if name.endswith("prompt_embeds")
    }


def stacked(pictures: list[Image.Image]) -> Any:
    """(n, 3, height, width) float32 in 0..1: a control image for each seed, as the pipelines take several.

    Args:
        pictures: RGB, of one size.
    """
    pixels = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
    return heavy.load("torch").from_numpy(pixels).permute(0, 3, 1, 2).float() / 255.0

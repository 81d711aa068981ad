"""Where models run, and whether a stack can run here."""

from __future__ import annotations

import contextlib
import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from languages.saying import say
from pipelines import heavy
from pipelines.errors import EngineUnavailable
from pipelines.hub import weights
from pipelines.hub.stack import ModelStack

_FULL_SIZE = 2_000_000_000


_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Device:
    """Where models run.

    Attributes:
        memory_bytes: Of the GPU, or of this machine (or its container) for a CPU; None where it cannot be told.
    """

    kind: Literal["cuda", "mps", "cpu"]
    memory_bytes: int | None


@functools.cache
def best_device() -> Device:
    """CUDA before Apple's GPU before the processor. Loads torch."""
    torch = heavy.load("torch")
    if torch.cuda.is_available():
        return Device("cuda", torch.cuda.get_device_properties(0).total_memory)
    if torch.backends.mps.is_available():  # shares the machine's memory
        return Device("mps", machine_memory())
    return Device("cpu", machine_memory())


@functools.cache
def machine_memory() -> int | None:
    """Bytes of memory that this process may use: the machine's, or less where a container limits it."""
    limits: list[int] = []
    with contextlib.suppress(ValueError, OSError, AttributeError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _CGROUP_LIMITS:
        with contextlib.suppress(ValueError, OSError):
            limits.append(int(Path(path).read_text("utf-8")))
    return min(limits, default=None)


def cpu_memory_bytes(stack: ModelStack) -> int:
    """Memory that a stack needs on a processor, where its weights are held as float32."""
    return stack.memory_bytes * (1 if stack.torch_dtype == "float32" else 2)


def why_not(stack: ModelStack) -> str:
    """Why a stack cannot run here, as a sentence; '' where it can. Loads torch only where weights are complete."""
    try:
        weights.require(stack)
    except EngineUnavailable as error:
        return error.hint
    return what_lacks(stack)


def what_lacks(stack: ModelStack) -> str:
    """What this machine lacks for a stack, whether its weights are here or not, as a sentence; '' where it lacks
    nothing. Loads torch where the stack may need a GPU.
    """
    memory = machine_memory()
    fits_cpu = not stack.needs_gpu and (memory is None or cpu_memory_bytes(stack) <= memory)
    if fits_cpu:
        return ""
    device = best_device()
    if device.kind == "cpu":
        if stack.needs_gpu:
            return say("{name} needs a GPU, and there is none here; choose another model.", name=stack.name)
        size = weights.readable_size(cpu_memory_bytes(stack))
        return say(
            "{name} needs {size} of memory, more than there is here; choose a smaller model.",
            name=stack.name,
            size=size,
        )
    least = stack.offload_memory_bytes if device.kind == "cuda" and stack.offload_memory_bytes else stack.memory_bytes
    if device.memory_bytes is not None and device.memory_bytes < least:
        return say(
            "{name} needs a GPU with {readable_size}; choose a smaller model.",
            name=stack.name,
            readable_size=weights.readable_size(least),
        )
    return ""


def is_slow(stack: ModelStack) -> bool:
    """Whether portraits of a stack that can run here take minutes: a full-sized model on a processor."""
    return stack.memory_bytes >= _FULL_SIZE and best_device().kind == "cpu"


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of Python's, torch's, CUDA's or OpenCV's says that memory ran out."""
    text = str(error).lower()
    words = ("out of memory", "can't allocate memory", "insufficient memory")  # torch and CUDA, torch, OpenCV
    return isinstance(error, MemoryError) or any(word in text for word in words)

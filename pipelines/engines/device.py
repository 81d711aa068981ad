"""Where models run, and whether a stack can run here."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from languages.saying import say
from pipelines import heavy
from pipelines.errors import EngineFailed, EngineUnavailable, PortraitError, SettingsError
from pipelines.hub import weights
from pipelines.hub.stack import ModelStack
from pipelines.settings import lends_gpu

_FULL_SIZE = 2_000_000_000
_REST = 2_000_000_000  # of the machine's memory, for its system and for this program


_CPU_INFO = Path("/proc/cpuinfo")
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # as Linux names them, the last on ARM
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Device:
    """Where models run.

    Attributes:
        memory_bytes: Of the GPU, or of this machine (or its container) for a CPU; None where it cannot be told.
        index: Which of several GPUs; None for torch's own choice, the first.
    """

    kind: Literal["cuda", "mps", "cpu"]
    memory_bytes: int | None
    index: int | None = None

    @property
    def name(self) -> str:
        """As torch takes it: cpu, cuda, cuda:1."""
        return self.kind if self.index is None else f"{self.kind}:{self.index}"


@functools.cache
def best_device() -> Device:
    """CUDA before Apple's GPU before the processor, which it is where a GPU is lent by the call. Loads torch."""
    torch = heavy.load("torch")
    if lends_gpu():  # torch only seems to have one there
        return Device("cpu", machine_memory())
    if torch.cuda.is_available():
        return Device("cuda", torch.cuda.get_device_properties(0).total_memory)
    if torch.backends.mps.is_available():  # shares the machine's memory, of which it may have about three quarters
        return Device("mps", torch.mps.recommended_max_memory())
    return Device("cpu", machine_memory())


def gpus() -> tuple[Device, ...]:
    """Every GPU of CUDA. Loads torch."""
    cuda = heavy.load("torch").cuda
    if lends_gpu() or not cuda.is_available():
        return ()
    return tuple(
        Device("cuda", cuda.get_device_properties(index).total_memory, index) for index in range(cuda.device_count())
    )


def named_devices(names: str) -> tuple[Device, ...]:
    """The devices of STUDIO_DEVICES, such as "cuda:0, cuda:2", in their order; none for "auto". Loads torch if not.

    Raises:
        SettingsError: One of them is not here, or is named twice.
    """
    wanted = [name.strip() for name in names.split(",")]
    if wanted == ["auto"]:
        return ()
    found: list[Device] = []
    for name in wanted:
        device = Device("cpu", machine_memory()) if name == "cpu" else _gpu(name)
        if device is None:
            here = ", ".join(("cpu", *(one.name for one in gpus())))
            raise SettingsError(f"STUDIO_DEVICES names {name[:40]!r}, but here are: {here}.")
        if device in found:
            raise SettingsError(f"STUDIO_DEVICES names {name} twice; name each device once.")
        found.append(device)
    return tuple(found)


def _gpu(name: str) -> Device | None:
    if re.fullmatch(r"cuda(:\d{1,3})?", name):
        index = int(name.partition(":")[2] or 0)
        return next((one for one in gpus() if one.index == index), None)
    best = best_device()
    return best if name == "mps" == best.kind else None


@contextlib.contextmanager
def working_on(device: Device | None) -> Iterator[None]:
    """Let this thread's work that names no GPU run on that of a device: libraries launch kernels where torch stands."""
    if device is None or device.index is None or not heavy.is_loaded("torch"):
        yield
        return
    with heavy.load("torch").cuda.device(device.index):
        yield


def computes_on(pipe: Any) -> Any:
    """The torch device on which a diffusers pipeline computes, also where its parts wait in the machine's memory.

    diffusers has no public name for it: `device` says where the parts wait.
    """
    return pipe._execution_device


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


def free_memory(device: Device) -> int | None:
    """Bytes that are free on a GPU now; None for other devices, or where there is no such GPU."""
    if device.kind != "cuda" or not heavy.load("torch").cuda.is_available():
        return None
    free: int = heavy.load("torch").cuda.mem_get_info(device.index)[0]
    return free


class CudaMemory:
    """The memory of a GPU of CUDA as torch manages it; all in bytes.

    Args:
        device: Of that kind.
    """

    def __init__(self, device: Device) -> None:
        self._index = device.index
        self._before = 0

    def free(self) -> int:
        """What a picture could have now: nobody's, and what torch holds without using it."""
        cuda = heavy.load("torch").cuda
        unused = cuda.memory_reserved(self._index) - cuda.memory_allocated(self._index)
        return int(cuda.mem_get_info(self._index)[0] + unused)

    def mark(self) -> None:
        """Measure from here on."""
        cuda = heavy.load("torch").cuda
        cuda.reset_peak_memory_stats(self._index)
        self._before = cuda.memory_allocated(self._index)

    def peak(self) -> int:
        """The most that was taken since, beyond what was taken already."""
        return int(heavy.load("torch").cuda.max_memory_allocated(self._index) - self._before)


def cpu_dtype(stack: ModelStack) -> Literal["float32", "bfloat16"]:
    """What a stack's numbers become on a processor, which is slow at float16 or cannot do it. Those of a full-sized
    model are bfloat16 where the processor multiplies them twice as fast as float32; it costs less than a grey level.
    """
    large = stack.memory_bytes >= _FULL_SIZE and stack.torch_dtype != "float32"
    return "bfloat16" if large and multiplies_bfloat16() else "float32"


@functools.cache
def multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16: newer ones of servers, some laptops."""
    with contextlib.suppress(OSError):
        return not _BFLOAT16.isdisjoint(_CPU_INFO.read_text("utf-8").split())
    return False


def cpu_memory_bytes(stack: ModelStack) -> int:
    """Memory that a stack needs on a processor, where its weights are held as float32."""
    return stack.memory_bytes * (1 if stack.torch_dtype == "float32" else 2)


def why_not(stack: ModelStack, device: Device | None = None) -> str:
    """Why a stack cannot run, as a sentence; '' where it can. Loads torch only where weights are complete.

    Args:
        device: Where it is to run; left out, the best there is, or the processor if only that has the memory.
    """
    try:
        weights.require(stack)
    except EngineUnavailable as error:
        return error.hint
    return what_lacks(stack, device)


def what_lacks(stack: ModelStack, device: Device | None = None) -> str:
    """What this machine lacks for a stack, whether its weights are here or not, as a sentence; '' where it lacks
    nothing. Loads torch where the stack may need a GPU.

    Args:
        device: As for `why_not`.
    """
    memory = machine_memory()
    fits_cpu = not stack.needs_gpu and (memory is None or cpu_memory_bytes(stack) <= memory)
    if fits_cpu and (device is None or device.kind == "cpu"):
        return ""
    device = device or best_device()
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
    if device.memory_bytes is None:
        return ""
    if device.memory_bytes < least:
        return say(
            "{name} needs a GPU with {readable_size}; choose a smaller model.",
            name=stack.name,
            readable_size=weights.readable_size(least),
        )
    waiting = stack.memory_bytes + _REST  # parts that are not on the GPU at the moment wait in the machine's memory
    if device.memory_bytes < stack.memory_bytes and memory is not None and memory < waiting:
        return say(
            "{name} needs {size} of memory, more than there is here; choose a smaller model.",
            name=stack.name,
            size=weights.readable_size(waiting),
        )
    return ""


def is_slow(stack: ModelStack, device: Device | None = None) -> bool:
    """Whether portraits of a stack that can run there take minutes: a full-sized model on a processor."""
    return is_full_size(stack) and (device or best_device()).kind == "cpu"


def is_full_size(stack: ModelStack) -> bool:
    """Whether it was made for a GPU."""
    return stack.needs_gpu or stack.memory_bytes >= _FULL_SIZE


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of Python's, torch's, CUDA's or OpenCV's says that memory ran out."""
    text = str(error).lower()
    # Of torch and CUDA, torch, OpenCV; cuBLAS and cuDNN, and torch where cuDNN has no room for any of its ways.
    words = (
        "out of memory",
        "can't allocate memory",
        "insufficient memory",
        "status_alloc_failed",
        "unable to find an engine to execute this computation",
    )
    return isinstance(error, MemoryError) or any(word in text for word in words)


def may_be_at_fault(error: Exception) -> bool:
    """Whether the device may be to blame for what an engine raised, so that another one is worth a try: memory ran out,
    or something failed that the engine has no sentence of its own for.
    """
    if isinstance(error, EngineUnavailable):
        return isinstance(error.__cause__, Exception) and is_out_of_memory(error.__cause__)
    if isinstance(error, EngineFailed):
        return error.__cause__ is not None and not isinstance(error.__cause__, PortraitError)
    return not isinstance(error, PortraitError)

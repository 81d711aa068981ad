"""From folders on this machine to the parts of a diffusers pipeline. Never downloads; what is broken is named by its
role. Each kind of engine says which parts it has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from languages.saying import say
from pipelines import heavy
from pipelines.engines.device import Device, cpu_dtype, free_memory, is_out_of_memory
from pipelines.errors import EngineUnavailable, PortraitError
from pipelines.hub import weights
from pipelines.hub.source import HubSource, LoRASource
from pipelines.hub.stack import ModelStack

S = TypeVar("S", bound=ModelStack)


class Scheduler(Protocol):
    """A diffusers scheduler by class name, with what is changed in its config."""

    @property
    def name(self) -> str: ...

    @property
    def config(self) -> dict[str, Any]: ...


class PartsLoader(Generic[S]):
    """Loads the parts of one stack for one device.

    Args:
        stack: Its weights must be on this machine.
        device: Where it will run.
        thrifty: Memory ran out before: parts move to a GPU only while they are used, and pictures are decoded in tiles.

    Attributes:
        offloads: Whether parts must move to the GPU only while they are used: it is too small, or others use it, too.
            Decided once, before anything is loaded.
    """

    def __init__(self, stack: S, device: Device, *, thrifty: bool = False) -> None:
        self.stack = stack
        self.device = device
        self.thrifty = thrifty
        torch = heavy.load("torch")
        for library in ("diffusers", "transformers"):
            heavy.load(library).utils.logging.disable_progress_bar()
        self.dtype = getattr(torch, cpu_dtype(stack) if device.kind == "cpu" else stack.torch_dtype)
        free = [size for size in (device.memory_bytes, free_memory(device)) if size is not None]
        too_small = min(free, default=stack.memory_bytes) < stack.memory_bytes
        self.offloads = device.kind == "cuda" and (thrifty or too_small)

    def place(self, pipe: Any) -> None:
        """Move the pipeline to its device, or hook its parts so that they move there while they are used."""
        if self.thrifty:
            # A picture is decoded in tiles from a size on that is left to the autoencoder. Attention is not sliced:
            # torch's own attention holds no table of all pairs, and slicing would throw the IP-Adapters' away.
            for switch in ("enable_tiling", "enable_slicing"):
                getattr(pipe.vae, switch, lambda: None)()
        if self.offloads:
            pipe.enable_model_cpu_offload(gpu_id=self.device.index)
        else:
            pipe.to(self.device.name)

    def root(self, source: HubSource, name: str) -> Path:
        """The folder of a source on this machine.

        Raises:
            EngineUnavailable: It is not here.
        """
        return weights.resolve(source, name, stack_id=self.stack.id) / (source.subfolder or "")

    def model(self, model_class: Any, source: HubSource, name: str, folder: str = "") -> Any:
        """A network with weights, on the device where it stays there: so that at most one is in the machine's memory.

        Args:
            model_class: Of diffusers or transformers.
            source: Where its weights are.
            name: What visitors read, where it is broken.
            folder: Inside the source's own.

        Raises:
            EngineUnavailable: Weights are missing, damaged, incomplete, or too large for this machine.
        """
        subfolder = "/".join(part for part in (source.subfolder, folder) if part)
        diffusers_model = hasattr(model_class, "load_config")
        with self.part(name):
            root = weights.resolve(source, name, stack_id=self.stack.id)
            model, report = model_class.from_pretrained(
                root,
                subfolder=subfolder or ("" if not diffusers_model else None),
                variant=weights.variant_in(root / subfolder, source.variant),
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                dtype=self.dtype,
            )
            lacking = report["missing_keys"] or report["mismatched_keys"]
            if lacking:  # would stay random, and the pictures noise
                raise ValueError(f"{len(lacking)} tensors are missing or of another shape")
            return model.eval() if self.offloads else model.eval().to(self.device.name)

    def tokenizer(self, tokenizer_class: Any, source: HubSource, folder: str) -> Any:
        """A tokenizer, or a processor of transformers that holds one."""
        with self.part("base model"):
            return tokenizer_class.from_pretrained(self.root(source, "base model") / folder, local_files_only=True)

    def scheduler(self, source: HubSource, setting: Scheduler) -> Any:
        """A scheduler: the config of the source, with the stack's changes."""
        scheduler_class = getattr(heavy.load("diffusers"), setting.name)
        with self.part("base model"):
            folder = self.root(source, "base model") / "scheduler"
            config = scheduler_class.load_config(folder, local_files_only=True)
            return scheduler_class.from_config(config, **setting.config)

    def fuse_lora(self, pipe: Any, lora: LoRASource | None) -> None:
        """Fold a LoRA into the pipeline's main network, so that it costs nothing."""
        if lora is None:
            return
        with self.part("LoRA"):
            name = lora.weight_name or "pytorch_lora_weights.safetensors"
            pipe.load_lora_weights(self.root(lora, "LoRA"), weight_name=name, local_files_only=True)
            if not pipe.get_list_adapters():
                raise ValueError("no layer of the model took the LoRA")
            pipe.fuse_lora(lora_scale=lora.lora_scale, safe_fusing=True)
            pipe.unload_lora_weights()

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """One at a time in this process; what goes wrong inside becomes one sentence that names this component."""
        try:
            with heavy.loading_weights():
                yield
        except PortraitError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise EngineUnavailable(
                    say(
                        "{name} does not fit into the memory of this machine; choose a smaller model.",
                        name=self.stack.name,
                    ),
                    detail=f"{name}: {error!r}",
                ) from error
            shipped = all(component.source.path is not None for component in self.stack.components())
            cure = "Install the project again." if shipped else f"Run {weights.COMMAND} {self.stack.id} --fresh."
            hint: str = say(
                "The {name} of {stack} cannot be read; choose another engine.", name=name, stack=self.stack.name
            )
            raise EngineUnavailable(hint, detail=f"{name}: {error!r}", cure=cure) from error

"""The hub's picture checker: StableDiffusionSafetyChecker, judging finished pictures from this machine's weights alone.

It compares a picture's CLIP embedding with 17 fixed concepts, most of them sexual; how, and what it misses, is told by
Rando et al. 2022, "Red-Teaming the Stable Diffusion Safety Filter" (arXiv:2210.04610). diffusers runs it inside the
SD 1.5 pipelines only and blackens what it finds; here it looks at every engine's pictures, and its answer is used and
not its black picture. It knows nothing of gore or hate, and takes some paintings for nudes.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np
from PIL import Image

from languages.saying import say
from pipelines import heavy
from pipelines.errors import EngineUnavailable, PortraitError
from pipelines.hub import weights
from pipelines.hub.components import SAFETY_CHECKER, SAFETY_CHECKER_ID, Component
from pipelines.results import PictureOrigin, Refusal
from pipelines.settings import lends_gpu

log = logging.getLogger(__name__)

_SENTENCE = say(
    "The picture checker took it for nudity or sexual content, and it can be wrong. Create "
    "again with another seed, or choose another style; your photo and your choices are still "
    "here."
)


class HubChecker:
    """Reviews pictures. Loads its weights at the first picture; safe for many threads.

    Args:
        component: Where its weights are.
    """

    id = "safety-checker"
    name: str = say("Picture checker (Stable Diffusion safety checker)")
    is_quick = False

    def __init__(self, component: Component = SAFETY_CHECKER) -> None:
        self._component = component
        self._loaded: tuple[Any, Any] | None = None
        self._lock = threading.Lock()

    def why_not(self) -> str:
        """Why it cannot work here, as a sentence; "" where it can. Reads the disk only."""
        if self._loaded is not None or weights.inspect(self._component)[0]:
            return ""
        return say("Its weights are not on this machine.")

    def review_picture(self, picture: Image.Image, *, origin: PictureOrigin = "made") -> Refusal | None:
        """Why a picture is refused, or None.

        Args:
            picture: RGB, any size.
            origin: Makes no difference here.

        Raises:
            EngineUnavailable: The weights are damaged or gone. A picture that nobody looked at is not passed on.
        """
        rgb = picture.convert("RGB")
        if self._loaded is None:
            # The turn to read weights before this lock: who is at work with a model asks for the lock, and whoever
            # holds it must not wait for them.
            with heavy.loading_weights(), self._lock:
                self._load()
        with self._lock:
            model, processor = self._load()
            try:
                found = _looks_sexual(model, processor, rgb)
            except Exception as error:
                raise EngineUnavailable(
                    say("The picture checker stopped with an error, so the picture is not shown; try again."),
                    detail=repr(error)[:400],
                ) from error
        if not found:
            return None
        return Refusal(category="sexual", reviewer=self.id, rule="hub/clip-concepts", sentence=_SENTENCE)

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is not None:
            return self._loaded
        torch, transformers = heavy.load("torch"), heavy.load("transformers")
        transformers.utils.logging.disable_progress_bar()
        library = heavy.load("diffusers.pipelines.stable_diffusion.safety_checker")
        source = self._component.source
        root = weights.resolve(source, self._component.name, stack_id=SAFETY_CHECKER_ID)
        model_part, processor_part = self._component.parts
        device = "cuda" if torch.cuda.is_available() and not lends_gpu() else "cpu"
        try:
            with heavy.loading_weights():
                model, report = library.StableDiffusionSafetyChecker.from_pretrained(
                    root / model_part.folder,
                    variant=weights.variant_in(root / model_part.folder, source.variant),
                    local_files_only=True,
                    use_safetensors=True,
                    output_loading_info=True,
                    dtype=torch.float16 if device == "cuda" else torch.float32,
                )
            model = model.to(device).eval()
            if report["missing_keys"] or report["mismatched_keys"]:  # it would judge by random numbers
                raise ValueError(f"{len(report['missing_keys'])} tensors are missing")
            processor = transformers.CLIPImageProcessor.from_pretrained(
                root / processor_part.folder, local_files_only=True
            )
        except PortraitError:
            raise
        except Exception as error:  # transformers and safetensors raise anything for damaged files
            raise EngineUnavailable(
                say("The picture checker is damaged here, so no picture is shown; choose the instant filters."),
                detail=repr(error)[:400],
                cure=f"Run {weights.COMMAND} {SAFETY_CHECKER_ID} --fresh.",
            ) from error
        log.info("the picture checker is loaded on %s", device)
        self._loaded = model, processor
        return self._loaded


def _looks_sexual(model: Any, processor: Any, rgb: Image.Image) -> bool:
    tensor = processor(images=rgb, return_tensors="pt").pixel_values.to(model.device, model.dtype)
    # The pictures that it would blacken: one pixel, because only its answer is wanted.
    _, flags = model(clip_input=tensor, images=[np.zeros((1, 1, 3), np.float32)])
    return bool(flags[0])

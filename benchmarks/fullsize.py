"""One portrait by this studio's engine and by a plain diffusers call as model cards show it, in one run.

    python -m benchmarks.fullsize [--kind sd15|sdxl] [--size 512] [--threads 2] [--seeds 1] [--folder FOLDER]

Stable Diffusion 1.5, two ControlNets and a face adapter (IP-Adapter plus), at their full size with random weights, on
the processor; or SDXL with a union ControlNet where there is a GPU. Both sides read the same files and have the same
steps, strength, weights and windows, words and seed. The pictures must be the same within 2 grey levels on average.

Weights cost the same whatever they are, so random ones tell how long real ones take; they tell nothing of beauty. The
files (5 GB) are written to the folder, or to a temporary one. Prints wall-clock and processor seconds, of which the
latter are the steadier on a busy machine, and their ratios: of one portrait, and of the next in a series (as on a
board, where the photo is the same and the style another); with `--seeds 4` also of four variations, which a GPU with
room for them makes at once. The exit status is 1 where the pictures differ.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from skimage import data

from benchmarks.random_weights import build, stack_of
from pipelines import heavy
from pipelines.engines.device import Device, best_device
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob
from pipelines.engines.unet.sampling import img2img_steps
from pipelines.engines.unet.stack import UNetStack
from pipelines.errors import Cancelled
from pipelines.photo.framing import face_crop
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import load_presets
from pipelines.schema import Control, LoadedPhoto

T = TypeVar("T")

TOLERANCE = 2.0  # grey levels, on average
_PROMPTS = ("portrait of a person, old master oil painting, chiaroscuro", "portrait of a person, comic book art")


def main(arguments: argparse.Namespace) -> int:
    """Build, measure both sides, print; 1 where the pictures differ."""
    torch = heavy.load("torch")
    torch.set_num_threads(arguments.threads)
    device = best_device() if arguments.kind == "sdxl" else Device("cpu", None)
    if arguments.kind == "sdxl" and device.kind != "cuda":
        print("SDXL is measured where there is a GPU; there is none here.")
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        if not (folder / "base" / "model_index.json").exists():
            build(folder, arguments.kind)
        stack = stack_of(folder, arguments.kind, arguments.size)
        photo = open_photo(Image.fromarray(data.astronaut()))
        return report(measure(stack, photo, device, arguments.seeds), device, arguments)


def measure(
    stack: UNetStack, photo: LoadedPhoto, device: Device, seeds: int = 1
) -> dict[str, tuple[float, float, Image.Image]]:
    """Wall-clock seconds, processor seconds and the last picture: plain, ours, the second of a series by both, and so
    many seeds by both where they are more than one.
    """
    jobs = [job_of(stack, photo, prompt) for prompt in _PROMPTS]
    found: dict[str, tuple[float, float, Image.Image]] = {}
    pipe = plain_pipeline(stack, device)
    if device.kind == "cuda":  # its libraries start at the first call, whosever that is
        plain_call(pipe, stack, jobs[0])
    for name, job in zip(("plain", "plain, next"), jobs, strict=True):
        found[name] = cost(partial(plain_call, pipe, stack, job), device)
    each = [jobs[0].model_copy(update={"seeds": (7 + number,)}) for number in range(seeds)]
    if seeds > 1:
        found["plain, seeds"] = cost(lambda: [plain_call(pipe, stack, job) for job in each][-1], device)
    pipe = None
    gc.collect()
    if device.kind == "cuda":
        heavy.load("torch").cuda.empty_cache()
    engine = DiffusionEngine(stack, device=device)
    ready(engine, jobs[0])
    for name, job in zip(("ours", "ours, next"), jobs, strict=True):
        found[name] = cost(partial(painted, engine, job), device)
    if seeds > 1:
        together = jobs[0].model_copy(update={"seeds": tuple(job.seeds[0] for job in each)})
        found["ours, seeds"] = cost(partial(painted, engine, together), device)
    engine.close()
    return found


def report(found: dict[str, tuple[float, float, Image.Image]], device: Device, arguments: argparse.Namespace) -> int:
    """Print the figures and their ratios; 1 where the pictures differ."""
    print(
        f"{arguments.kind}, {arguments.size} px, {device.kind}, {arguments.threads} threads, load of the machine"
        f" {os.getloadavg()[0]:.1f}"
    )
    for name, (wall, processor, _) in found.items():
        print(f"{name:12s} {wall:7.1f} s, {processor:7.1f} s of processor time")
    worst = 0.0
    for ours in [name for name in found if name.startswith("ours")]:
        plain = ours.replace("ours", "plain")
        off = difference(found[ours][2], found[plain][2])
        worst = max(worst, off)
        wall, processor = found[plain][0] / found[ours][0], found[plain][1] / found[ours][1]
        print(f"{ours}: {wall:.2f} times as fast, {processor:.2f} by processor time; {off:.2f} grey levels apart")
    return int(worst > TOLERANCE)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other, np.float32)).mean())


def cost(work: Callable[[], T], device: Device) -> tuple[float, float, T]:
    """Wall-clock and processor seconds of `work`, and what came of it."""
    started, spent = time.perf_counter(), _processor()
    made = work()
    if device.kind == "cuda":
        heavy.load("torch").cuda.synchronize()
    return time.perf_counter() - started, _processor() - spent, made


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# --- both sides ------------------------------------------------------------------------------------------------------


def job_of(stack: UNetStack, photo: LoadedPhoto, prompt: str) -> GenerationJob:
    """A job with two controls, or one of a union, in the windows that styles have, and the face."""
    presets = load_presets()
    crop = prepare(photo, 0, stack.size)
    edges = (
        np.abs(np.diff(np.asarray(crop.image.convert("L"), np.int16), axis=1, prepend=0)).clip(0, 255).astype(np.uint8)
    )
    drawn = Image.fromarray(np.repeat(edges[..., None], 3, axis=2))
    weights = (0.7, 0.5)
    controls = tuple(
        Control(annotator=name, controlnet_conditioning_scale=weight, control_guidance_end=0.85, image=drawn)
        for name, weight in zip(stack.controlnets, weights, strict=False)
    )
    return GenerationJob(
        photo=crop,
        style=presets.style("oil-master"),
        scene=presets.scene("none"),
        seeds=(7,),
        controls=controls,
        prompt=prompt,
        strength=0.58,
        ip_adapter_scale=0.65,
        in_series=True,
    )


def plain_pipeline(stack: UNetStack, device: Device) -> Any:
    """As a model card loads it."""
    torch, diffusers, transformers = (heavy.load(name) for name in ("torch", "diffusers", "transformers"))
    dtype = torch.float32 if device.kind == "cpu" else torch.float16
    base = Path(stack.base.path or "")
    if stack.kind == "sd15":
        nets = [
            diffusers.ControlNetModel.from_pretrained(source.path, dtype=dtype) for source in stack.controlnets.values()
        ]
        pipeline_class: Any = diffusers.StableDiffusionControlNetImg2ImgPipeline
    else:
        first = next(iter(stack.controlnets.values()))
        nets = diffusers.ControlNetUnionModel.from_pretrained(first.path, dtype=dtype)
        pipeline_class = diffusers.StableDiffusionXLControlNetUnionImg2ImgPipeline
    assert stack.ip_adapter is not None
    encoder = transformers.CLIPVisionModelWithProjection.from_pretrained(
        stack.ip_adapter.image_encoder.path, subfolder=stack.ip_adapter.image_encoder.subfolder, dtype=dtype
    )
    pipe = pipeline_class.from_pretrained(base, controlnet=nets, image_encoder=encoder, dtype=dtype)
    pipe.load_ip_adapter(
        stack.ip_adapter.path,
        subfolder=stack.ip_adapter.subfolder,
        weight_name=stack.ip_adapter.weight_name,
        image_encoder_folder=None,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device.kind)


def plain_call(pipe: Any, stack: UNetStack, job: GenerationJob) -> Image.Image:
    """As a model card calls it, with the steps and settings of the engine."""
    torch = heavy.load("torch")
    steps = img2img_steps(
        stack.num_inference_steps, job.strength, 50 if stack.scheduler.name == "LCMScheduler" else 1000
    )
    assert job.photo.face is not None
    pipe.set_ip_adapter_scale(job.ip_adapter_scale)
    modes = {}
    if stack.kind == "sdxl-union":
        modes = {"control_mode": [stack.controlnets[control.annotator].control_mode for control in job.controls]}
    picture: Image.Image = pipe(
        prompt=job.prompt,
        image=job.photo.image,
        control_image=[control.image for control in job.controls],
        ip_adapter_image=face_crop(job.photo.image, job.photo.face),
        num_inference_steps=steps.num_inference_steps,
        strength=steps.strength,
        guidance_scale=stack.guidance_scale,
        controlnet_conditioning_scale=[control.controlnet_conditioning_scale for control in job.controls],
        control_guidance_start=[control.control_guidance_start for control in job.controls],
        control_guidance_end=[control.control_guidance_end for control in job.controls],
        generator=torch.Generator("cpu").manual_seed(job.seeds[0]),
        **modes,
    ).images[0]
    return picture


def painted(engine: DiffusionEngine, job: GenerationJob) -> Image.Image:
    """The portrait of a job by the studio's engine, the last of several."""
    return engine.generate(job, lambda step, total, preview: True)[-1]


def ready(engine: DiffusionEngine, job: GenerationJob) -> None:
    """Load all that a job needs, and paint nothing."""
    told: list[int] = []

    def until_loaded(step: int, total: int, preview: Image.Image | None) -> bool:
        told.append(step)
        return len(told) < 2

    with contextlib.suppress(Cancelled):
        engine.generate(job, until_loaded)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=("sd15", "sdxl"), default="sd15")
    parser.add_argument("--size", type=int, default=512, help="width and height in pixels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=1, help="variations that are measured, too")
    parser.add_argument("--folder", type=Path, help="where the weights are kept; left out, a temporary one")
    raise SystemExit(main(parser.parse_args()))

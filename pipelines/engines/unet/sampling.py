"""What this project adds to the sampling of diffusers: exact step counts, free ControlNets when off, previews."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple


class Steps(NamedTuple):
    """What to ask diffusers for, and how many steps img2img then really runs."""

    num_inference_steps: int
    strength: float
    run: int


def img2img_steps(wanted: int, strength: float, limit: int) -> Steps:
    """How many steps to ask for so that `wanted` really run.

    diffusers runs the last int(num_inference_steps * strength) of the schedule, and crashes where that is 0.

    Args:
        wanted: Steps that the model was distilled for.
        strength: 0..1, more than 0.
        limit: Longest schedule that the scheduler knows (LCM: original_inference_steps).

    Returns:
        `run` is `wanted`, less where the limit leaves no room, and never 0: a strength under 1 / limit is raised.
    """
    asked = min(limit, max(wanted, math.ceil(wanted / strength)))
    while int(asked * strength) < wanted and asked < limit:  # the product was rounded down
        asked += 1
    if int(asked * strength) == 0:
        strength = 1.5 / asked  # in the middle of what gives one step
    return Steps(asked, strength, int(asked * strength))


def skip_when_off(controlnet: Any) -> Any:
    """Make a ControlNet cost nothing at steps where its scale is 0.

    diffusers runs a ControlNet outside control_guidance_start/end too, and multiplies what it says by 0. Adding nothing
    is bit for bit the same and costs nothing. Of several ControlNets only those that are on are run. (A union network
    given several controls scales what goes in and not what comes out, so with all scales 0 it would still speak; off
    means off here.)
    """
    forward = controlnet.forward
    nets = getattr(controlnet, "nets", None)

    def forward_if_on(
        sample: Any, timestep: Any, *, controlnet_cond: list[Any], conditioning_scale: list[float], **others: Any
    ) -> Any:
        on = [index for index, scale in enumerate(conditioning_scale) if scale != 0.0]
        if not on:
            return None, None
        if nets is None or len(on) == len(conditioning_scale):
            chosen = forward
        else:
            chosen = type(controlnet)([nets[index] for index in on]).forward
            controlnet_cond = [controlnet_cond[index] for index in on]
            conditioning_scale = [conditioning_scale[index] for index in on]
        return chosen(
            sample, timestep, controlnet_cond=controlnet_cond, conditioning_scale=conditioning_scale, **others
        )

    controlnet.forward = forward_if_on
    return controlnet


@contextmanager
def control_images_read_once(controlnets: Iterable[Any], known: Sequence[Any] = ()) -> Iterator[list[Any]]:
    """Within the block, each ControlNet reads its control image at the first step only: it is the same at all.

    That reading works at the picture's full size, and is a fifth of all that a small model does. What was read is
    the caller's to drop: it is made from the photo.

    Args:
        known: What each has read of this same image before, None where it has not.

    Yields:
        What each has read, filled in on the way.
    """
    readers = [network.controlnet_cond_embedding for network in controlnets]
    results: list[Any] = [*known, *[None] * (len(readers) - len(known))]

    def reading_once(place: int, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
        seen: list[Any] = [None]

        def read_once(conditioning: Any) -> Any:
            is_new = seen[0] is not conditioning
            is_known = seen[0] is None and results[place] is not None and len(results[place]) == len(conditioning)
            if is_new and not is_known:
                results[place] = read(conditioning)
            seen[0] = conditioning
            return results[place]

        return read_once

    for place, reader in enumerate(readers):
        reader.forward = reading_once(place, reader.forward)
    try:
        yield results
    finally:
        for reader in readers:
            del reader.forward


def record_denoised(scheduler: Any) -> list[Any]:
    """Keep the scheduler's latest guess of the finished latents, which makes a far clearer preview than noisy latents.

    Returns:
        A list whose one element is replaced at every step.
    """
    step = scheduler.step
    latest: list[Any] = [None]

    # The pipelines read the signature to decide what to pass, and a generator must be passed.
    @functools.wraps(step)
    def recording_step(*args: Any, **kwargs: Any) -> Any:
        result = step(*args, **kwargs)
        latest[0] = result[1] if len(result) > 1 else result[0]
        return result

    scheduler.step = recording_step
    return latest

"""Finished pictures become files: marked, signed, told apart by random names, and measured against the photo."""

from __future__ import annotations

import functools
import secrets
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

from PIL import Image

from pipelines.easels import cores
from pipelines.engines.base import Engine
from pipelines.faithfulness import meter
from pipelines.faithfulness.identity import IdentityMeter
from pipelines.presets import own
from pipelines.presets.loading import Presets
from pipelines.provenance import marking
from pipelines.results import Portrait
from pipelines.schema import Job, PortraitRequest

AFTER_PICTURE = "in the style of a picture that the visitor gave"


def save_portraits(
    request: PortraitRequest,
    engine: Engine,
    job: Job,
    pictures: list[tuple[int, Image.Image]],
    *,
    presets: Presets,
    identity: IdentityMeter | None,
    seconds: float,
    folder: Path,
) -> tuple[Portrait, ...]:
    """Write pictures, marked, and measure what each has left of the person: several side by side, one on each core.
    Where one fails, no file stays.

    Args:
        request: What was asked for.
        engine: Who made the pictures.
        job: What it made them from.
        pictures: With their seeds.
        presets: Styles of this studio, after which own ones are named in the files.
        identity: Places portraits among strangers, where the visitor ticked that; None where that is not offered.
        seconds: That one took.
        folder: For the files.

    Raises:
        SaveError: A file could not be written or signed.
    """
    saved = functools.partial(
        _saved, request=request, engine=engine, job=job, presets=presets, identity=identity, seconds=seconds
    )
    ids = [secrets.token_hex(12) for _ in pictures]
    paths = [
        folder / f"{job.style.id}-{request.scene_id}-seed{seed}-{portrait_id}.png"
        for portrait_id, (seed, _) in zip(ids, pictures, strict=True)
    ]
    asked: list[Future[Portrait]] = []
    try:
        for portrait_id, path, (seed, picture) in zip(ids, paths, pictures, strict=True):
            asked.append(_pool().submit(saved, portrait_id, path, seed, picture))
        return tuple(each.result() for each in asked)
    except BaseException:
        wait(asked)  # or one of them would write its file after all
        for path in paths:
            with suppress(OSError):
                path.unlink()
        raise
    finally:
        asked.clear()  # an error's trace leads here, and no picture must stay with it


@functools.cache
def _pool() -> ThreadPoolExecutor:
    """One for all: as many are signed and measured at a time as there are cores."""
    return ThreadPoolExecutor(cores(), thread_name_prefix="saving")


def _saved(
    portrait_id: str,
    path: Path,
    seed: int,
    picture: Image.Image,
    *,
    request: PortraitRequest,
    engine: Engine,
    job: Job,
    presets: Presets,
    identity: IdentityMeter | None,
    seconds: float,
) -> Portrait:
    facts = _facts(request, engine, job, seed, presets)
    saved = marking.save(picture, path, is_diffusion=engine.is_diffusion, facts=facts, label=request.visible_label)
    # Measured on what the visitor gets, marks and all.
    kept = meter.measure(job.photo, saved.picture, natural_colour=job.style.natural_colour)
    if identity is not None and "identity" in request.consent.purposes:
        built_in = None if request.own_style is not None else request.style_id
        kept = identity.added_to(kept, job.photo, saved.picture, built_in)
    return Portrait(
        id=portrait_id,
        path=path,
        style_id=request.style_id,
        scene_id=request.scene_id,
        seed=seed,
        engine=engine.name,
        model_id=engine.model_id,
        is_diffusion=engine.is_diffusion,
        seconds=seconds,
        likeness=request.likeness,
        shape=request.shape,
        size=request.size,
        width=picture.width,
        height=picture.height,
        crop=request.crop,
        own_style=request.own_style,
        provenance=saved.summary,
        faithfulness=kept,
    )


def _facts(request: PortraitRequest, engine: Engine, job: Job, seed: int, presets: Presets) -> dict[str, str]:
    """What a portrait's file says of how it was made."""
    facts = {
        **own.facts(request.style_id, request.own_style, presets),
        "Scene": request.scene_id,
        "Seed": str(seed),
        "Model": engine.model_id,
        "Engine": engine.name,
        "Likeness": f"{request.likeness:g}",
        "Shape": request.shape,
        "Size": request.size,
    }
    if job.style_picture is not None:  # that there was one, and nothing of it
        facts["StyleSource"] = AFTER_PICTURE
    return facts

"""SelfPortraitPipeline: the order of the steps from photo to marked portrait lives here and only here."""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines import annotators, faithfulness, heavy, photo, provenance, vision
from pipelines.engines import Engine, EngineChoice, EngineInfo, available_engines, create_engine
from pipelines.engines.preview import PreviewEngine
from pipelines.errors import Cancelled, EngineBusy, PortraitError, RequestInvalid
from pipelines.likeness import apply_likeness, for_stack
from pipelines.presets import Presets
from pipelines.schema import (
    AnnotatorName,
    Control,
    GenerationJob,
    LoadedPhoto,
    Portrait,
    PortraitRequest,
    PortraitSet,
    PreparedPhoto,
    Scene,
    StepCallback,
    Style,
)

log = logging.getLogger(__name__)

PREVIEW_SIZE = 512
_CACHED_PHOTOS = 8
_LONGEST_WAIT = 300.0


@dataclass
class _Prepared:
    """One photo's crop and its control images. Holds the photo, so that its identity stays its own."""

    source: LoadedPhoto
    crop: PreparedPhoto
    controls: dict[AnnotatorName, Image.Image] = field(default_factory=dict)


class SelfPortraitPipeline:
    """Makes portraits. One instance serves all visitors; one portrait is made at a time.

    Args:
        presets: Styles, scenes and model stacks.
        out_dir: Portraits go into a folder of their own for each session below it.

    Raises:
        CredentialsError: The certificate of the settings cannot sign portraits.
    """

    def __init__(self, presets: Presets, out_dir: Path) -> None:
        self.presets = presets
        self.warming = "Starting: face finder"
        self._out_dir = out_dir
        self._preview = PreviewEngine()
        provenance.prepare()  # no portrait is made that could not be signed
        self._choices: dict[str, EngineChoice] = {}
        self._engine_lock = threading.Lock()
        self._cache: OrderedDict[tuple[int, int | None, int], _Prepared] = OrderedDict()
        self._cache_lock = threading.Lock()

    def __call__(
        self, request: PortraitRequest, on_step: StepCallback | None = None, *, out_dir: Path | None = None
    ) -> PortraitSet:
        """Make the portraits that a visitor asked for.

        Args:
            request: Checked at construction; carries the consent.
            on_step: Told after each step; answering False cancels within one step.
            out_dir: Folder for the files, instead of the session's own.

        Raises:
            PortraitError: Any of its kinds; no file is left behind by a request that fails.
        """
        style = self.presets.style(request.style_id)
        scene = self.presets.scene(request.scene_id)
        report = on_step or (lambda step, total, preview: True)
        with self._engine(request.model_id, report) as choice:
            engine = choice.engine
            style = for_stack(style, engine.model_id)
            prepared = self._prepare(request.photo, request.face_index, engine.size)
            controls, notes = self._controls(prepared, engine, style, request.likeness)
            job = _job(request, style, scene, prepared.crop, controls)
            started = time.monotonic()
            pictures = engine.generate(job, report)
            seconds = (time.monotonic() - started) / len(pictures)
            folder = out_dir or self.folder(request.consent.session)
            portraits = self._save(request, engine, job, pictures, seconds, folder)
        return PortraitSet(
            photo=prepared.crop,
            controls=controls,
            portraits=portraits,
            engine=engine.name,
            notes=(*choice.notes, *notes),
        )

    def preview(
        self,
        source: LoadedPhoto,
        *,
        face_index: int | None,
        style_id: str,
        scene_id: str = "none",
        likeness: float = 0.5,
        seed: int = 0,
    ) -> Image.Image:
        """The preview engine's picture of a style, at once and in memory only, 512 px."""
        style, scene = self.presets.style(style_id), self.presets.scene(scene_id)
        crop = self._prepare(source, face_index, PREVIEW_SIZE).crop
        return self._preview.render(crop, style, scene, seed=seed, likeness=likeness)

    def preview_frame(
        self, rgb: np.ndarray, *, style_id: str, scene_id: str = "none", likeness: float = 0.5
    ) -> np.ndarray:
        """One webcam frame in a style, (H, W, 3) uint8 in and out; nothing is kept."""
        return self._preview.render_frame(
            rgb, self.presets.style(style_id), self.presets.scene(scene_id), likeness=likeness
        )

    def control_images(
        self, source: LoadedPhoto, *, face_index: int | None, style_id: str, size: int = PREVIEW_SIZE
    ) -> dict[AnnotatorName, Image.Image]:
        """The control images that a style asks for, as far as they can be drawn here."""
        prepared = self._prepare(source, face_index, size)
        return {
            setting.annotator: self._annotate(prepared, setting.annotator)
            for setting in self.presets.style(style_id).controls
            if annotators.missing(setting.annotator) is None
        }

    def used_photo(self, source: LoadedPhoto, face_index: int | None) -> Image.Image:
        """The square crop of the photo that engines see, 512 px."""
        return self._prepare(source, face_index, PREVIEW_SIZE).crop.image

    def engines(self) -> tuple[EngineInfo, ...]:
        """Every engine, whether it can run here, and why not."""
        return available_engines(self.presets)

    def warm_up(self) -> None:
        """Load what the first visitor would otherwise wait for. Meant for a background thread."""
        try:
            vision.warm_up()
            with self._engine("auto", lambda step, total, preview: True) as choice:
                if choice.engine.is_diffusion:
                    self.warming = f"Starting: {choice.engine.name}"
                    heavy.load("torch")
                    heavy.load("diffusers")
        except PortraitError as error:  # stays on the banner: this machine cannot work until it is mended
            log.error("cannot warm up: %s", error)
            self.warming = error.hint
        else:
            self.warming = ""

    def folder(self, session: str) -> Path:
        """Where a session's portraits are. The session's own name is not in the path."""
        return self._out_dir / hashlib.sha256(session.encode()).hexdigest()[:32]

    def forget(self, session: str, photos: tuple[LoadedPhoto, ...] = ()) -> None:
        """Delete a session's portraits from the disk and its photos' crops from memory."""
        shutil.rmtree(self.folder(session), ignore_errors=True)
        for source in photos:
            self.forget_photo(source)

    def forget_photo(self, source: LoadedPhoto) -> None:
        """Drop what was cut and drawn from a photo from memory."""
        with self._cache_lock:
            for key in [key for key, entry in self._cache.items() if entry.source is source]:
                del self._cache[key]

    def close(self) -> None:
        """Free all engines."""
        for choice in self._choices.values():
            choice.engine.close()
        self._choices.clear()

    @contextmanager
    def _engine(self, model_id: str, report: StepCallback) -> Iterator[EngineChoice]:
        """The engine, for this request alone. Only one is kept loaded beside the preview."""
        deadline = time.monotonic() + _LONGEST_WAIT
        while not self._engine_lock.acquire(timeout=0.25):
            if not report(0, 1, None):
                raise Cancelled("Stopped before it began.")
            if time.monotonic() > deadline:
                raise EngineBusy("Other visitors' portraits are still being made; try again in a few minutes.")
        try:
            if model_id not in self._choices:
                choice = create_engine(model_id, self.presets)
                self.close()
                self._choices[model_id] = choice
            yield self._choices[model_id]
        finally:
            self._engine_lock.release()

    def _prepare(self, source: LoadedPhoto, face_index: int | None, size: int) -> _Prepared:
        key = (id(source), face_index, size)
        with self._cache_lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        prepared = _Prepared(source, photo.prepare(source, face_index, size))
        with self._cache_lock:
            self._cache[key] = prepared
            while len(self._cache) > _CACHED_PHOTOS:
                self._cache.popitem(last=False)
        return prepared

    def _annotate(self, prepared: _Prepared, name: AnnotatorName) -> Image.Image:
        if name not in prepared.controls:
            prepared.controls[name] = annotators.annotate(name, prepared.crop)
        return prepared.controls[name]

    def _controls(
        self, prepared: _Prepared, engine: Engine, style: Style, likeness: float
    ) -> tuple[tuple[Control, ...], tuple[str, ...]]:
        settings = {setting.annotator: setting for setting in apply_likeness(style, likeness).controls}
        main = next(iter(settings.values()))
        controls: list[Control] = []
        for name in engine.annotators(style):
            # A stack that has none of the style's ControlNets uses its own, with the weight of the style's main one.
            setting = settings.get(name) or main.model_copy(update={"annotator": name})
            controls.append(Control(**setting.model_dump(), image=self._annotate(prepared, name)))
        used = [control.annotator for control in controls]
        lacking = [name for name in settings if name not in used]
        if not engine.is_diffusion or not lacking:
            return tuple(controls), ()
        return tuple(controls), (
            f"{engine.name} has no control for {', '.join(lacking)}; it was guided by {', '.join(used)}.",
        )

    def _save(
        self,
        request: PortraitRequest,
        engine: Engine,
        job: GenerationJob,
        pictures: list[Image.Image],
        seconds: float,
        folder: Path,
    ) -> tuple[Portrait, ...]:
        portraits: list[Portrait] = []
        try:
            for seed, picture in zip(request.seeds, pictures, strict=True):
                portrait_id = secrets.token_hex(12)
                path = folder / f"{request.style_id}-{request.scene_id}-seed{seed}-{portrait_id}.png"
                facts = {
                    "Style": request.style_id,
                    "Scene": request.scene_id,
                    "Seed": str(seed),
                    "Model": engine.model_id,
                    "Engine": engine.name,
                    "Likeness": f"{request.likeness:g}",
                }
                kept = faithfulness.measure(job.photo, picture, natural_colour=job.style.natural_colour)
                summary = provenance.save(picture, path, is_diffusion=engine.is_diffusion, facts=facts)
                portraits.append(
                    Portrait(
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
                        provenance=summary,
                        faithfulness=kept,
                    )
                )
        except BaseException:
            for portrait in portraits:
                portrait.path.unlink(missing_ok=True)
            raise
        return tuple(portraits)


def _job(
    request: PortraitRequest, style: Style, scene: Scene, crop: PreparedPhoto, controls: tuple[Control, ...]
) -> GenerationJob:
    guidance = apply_likeness(style, request.likeness)
    prompt = ", ".join(part for part in (style.prompt, scene.prompt, request.extra_prompt.strip()) if part)
    return GenerationJob(
        photo=crop,
        style=style,
        scene=scene,
        likeness=request.likeness,
        controls=controls,
        prompt=prompt,
        negative_prompt=style.negative_prompt,
        strength=guidance.strength,
        guidance_scale=style.guidance_scale,
        ip_adapter_scale=guidance.ip_adapter_scale,
        seeds=request.seeds,
    )


def build_request(**values: object) -> PortraitRequest:
    """A PortraitRequest from a visitor's raw values.

    Raises:
        RequestInvalid: One of them is missing, of the wrong kind or out of range; the hint names it.
    """
    try:
        return PortraitRequest.model_validate(values)
    except ValueError as error:
        fields = [str(item["loc"][0]) for item in getattr(error, "errors", list)() if item["loc"]]
        advice = _ADVICE.get(fields[0] if fields else "", "This request is not complete; start again.")
        raise RequestInvalid(advice) from error


_ADVICE = {
    "photo": "Add a photo first.",
    "consent": "Tick the consent box first.",
    "seeds": "Choose a seed from 0 to 4294967295 and one to four variations.",
    "likeness": "Choose a likeness from 0 to 1.",
    "style_id": "There is no such style; choose one from the list.",
    "scene_id": "There is no such scene; choose one from the list.",
    "model_id": "There is no such model; choose one from the list.",
    "face_index": "That face is not in the photo; click one of the marked faces.",
    "extra_prompt": "Your own words are too long; keep them under 400 characters.",
}

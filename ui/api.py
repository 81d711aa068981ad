"""The studio for programs: /consent, /styles and /portrait through gradio_client.

client = Client(url)
said = client.predict(agreed=True, api_name="/consent")
client.headers["x-studio-key"] = said["key"]  # without it no file is taken in
files, facts = client.predict(photo=handle_file("me.jpg"), style="oil-master", api_name="/portrait")
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from languages.saying import say
from pipelines import worker
from pipelines.errors import Cancelled, ConsentMissing, RequestInvalid
from pipelines.photo import opening as photos
from pipelines.photo.hints import API
from pipelines.photo.sitter import hand_crop, seat
from pipelines.portrait_request import build_request
from pipelines.presets.loading import FAMILY_NAMES
from pipelines.results import PortraitSet
from pipelines.schema import LoadedPhoto, PortraitRequest
from study.consent import NOT_OFFERED
from ui import prints, screen
from ui.callers import network_of, words_of
from ui.errors import for_api
from visits import admission
from visits.studio import Studio
from visits.visit import Look, Visit

_UNOPENED = LoadedPhoto(image=Image.new("RGB", (64, 64)))  # stands for a photo until a request is admitted


def build_api(studio: Studio) -> None:
    """Add the public endpoints to the current Blocks. Everything else on the page is private."""
    endpoints = Endpoints(studio)
    with gr.Row(visible=False):
        agreed, said = gr.Checkbox(label="agreed"), gr.JSON(label="receipt and key")
        purposes = gr.CheckboxGroup(["study", "examples"], value=[], label="purposes")
        listed = gr.JSON(label="styles, scenes and engines")
        inputs = [
            gr.File(label="photo"),
            gr.Textbox(next(iter(studio.presets.styles)), label="style"),
            gr.Textbox("none", label="scene"),
            gr.Number(0.5, label="likeness"),
            gr.Number(-1, label="seed"),
            gr.Number(1, label="variations"),
            gr.Textbox("auto", label="model"),
            gr.Checkbox(False, label="visible_label"),
            gr.Number(-1, label="face"),
            gr.Number(0, label="turn"),
            gr.Textbox("", label="mark"),
            gr.Textbox("1:1", label="shape"),
            gr.Textbox("screen", label="size"),
            gr.Textbox("", label="crop"),
        ]
        outputs = [gr.File(label="portraits", file_count="multiple"), gr.JSON(label="facts")]
        gr.Button("consent").click(endpoints.consent, [agreed, purposes], said, api_name="consent")
        gr.Button("styles").click(endpoints.styles, None, listed, api_name="styles")
        # Callers wait in the pipeline's own line, which is bounded.
        gr.Button("portrait").click(
            endpoints.portrait, inputs, outputs, api_name="portrait", concurrency_id="engine", concurrency_limit=None
        )


class Endpoints:
    """Docstrings are what callers read in the API's own description."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def consent(self, agreed: object, purposes: list[str], request: gr.Request) -> dict[str, Any]:
        """Agree to the text of the Privacy tab, or take it back. Comes before /portrait, in the same session.

        Args:
            agreed: true to agree: only the boolean counts. false takes consent back and deletes all data.
            purposes: What is allowed besides, where it is offered: "study", "examples", "identity". What is left out
                is taken back.

        Returns:
            {"receipt": what was agreed to, with the whole text, its SHA-256 and the time of a withdrawal; "key": goes
            with uploads, as the header x-studio-key, and with all that is asked below /studio/board, where programs
            make style boards as the README tells}. Both are null where there was no consent to take back.
        """
        studio, session = self._studio, request.session_hash
        try:
            if agreed is False:
                receipt = studio.visits.forget(session, words_of(request))
                return {"receipt": receipt.model_dump(mode="json") if receipt is not None else None, "key": None}
            offered = [one.id for one in studio.consents.notice.optional]
            if agreed is True and set(purposes) - set(offered):
                raise RequestInvalid(NOT_OFFERED)
            visit = admission.open_visit(
                studio,
                request.session_hash,
                network_of(studio, request),
                agreed,
                Look(next(iter(studio.presets.styles))),
                words=words_of(request),
            )
            for purpose in offered:
                studio.visits.allow(session, purpose, purpose in purposes)
            record = studio.consents.require(session)
        except Exception as error:
            raise for_api(error) from None
        return {"receipt": studio.consents.receipt(record).model_dump(mode="json"), "key": visit.key}

    def styles(self, request: gr.Request) -> dict[str, Any]:
        """List styles, scenes and engines with the ids that /portrait takes; styles of the session's own come last.

        Returns:
            {"styles": [{id, name, summary, family}], "scenes": [{id, name, summary}],
            "engines": [{id, name, is_diffusion, available, reason}]}
        """
        presets = self._studio.presets
        with contextlib.suppress(ConsentMissing):
            presets = self._studio.visits.require(request.session_hash)[0].own.presets(presets)
        return {
            "styles": [
                {"id": s.id, "name": s.name, "summary": s.summary, "family": FAMILY_NAMES[s.family]}
                for s in presets.styles.values()
            ],
            "scenes": [{"id": s.id, "name": s.name, "summary": s.summary} for s in presets.scenes.values()],
            "engines": [
                {
                    "id": e.id,
                    "name": e.name,
                    "is_diffusion": e.is_diffusion,
                    "available": e.available,
                    "reason": e.reason,
                }
                for e in self._studio.pipeline.engines()
            ],
        }

    def portrait(
        self,
        photo: str | None,
        style: str,
        scene: str,
        likeness: float,
        seed: int | None,
        variations: int,
        model: str,
        visible_label: bool,
        face: int | None,
        turn: int,
        mark: str,
        shape: str,
        size: str,
        crop: str,
        request: gr.Request,
    ) -> tuple[list[str], dict[str, Any]]:
        """Make portraits from a photo. /consent must have been called with true in this session.

        Args:
            photo: Picture file (JPEG, PNG, WebP, HEIC, AVIF). Deleted from the server as soon as it is read.
            style: Id from /styles.
            scene: Id from /styles.
            likeness: 0 (more artistic) to 1 (more like me).
            seed: 0 to 4294967295; -1 for a random one. Variations use the seeds that follow; after the last
                one comes 0.
            variations: 1 to 4.
            model: "auto", or an engine id from /styles.
            visible_label: true draws "AI portrait" (or "Filtered portrait") into the corner.
            face: Which face, from 1, the surest and largest first; 0 for none; -1 takes the first, and refuses with a
                sentence where there is none or where it may be no face.
            turn: Turns the photo clockwise first: 0, 90, 180 or 270.
            mark: "x,y,size" of a face that is not found: its middle and width, in percent of the turned photo.
            shape: Width to height: "1:1", "4:5" or "9:16".
            size: "screen", or "print" for up to 2048 pixels along the long side, as far as the photo has them. Models
                make their own size.
            crop: "x,y,width" or "x,y,width,angle" of what is cut from the photo: middle and width, in percent of the
                turned photo, and degrees to turn it, -45 to 45. Left out, it is laid around the face.

        Returns:
            The portraits as marked PNG files, and
            {"engine", "notes", "hints" on the photo, "portraits": [{id, seed, style, scene, shape, size, width and
            height in pixels, seconds, "marks": the kinds that were read back from the file (XMP, C2PA, watermark),
            "faithfulness": {sentence, warning, landmark_drift, eye_size, jaw_width, nose_width, face_height, skin,
            edges_kept, identity, unmeasured}}], "refused": [{seed, category, sentence}]}. What could not be measured is
            null, and "unmeasured" says why; "identity" is measured only with that consent. "refused" are pictures that
            a reviewer held back; where it holds back all of them, or where the session asks too often, the call fails
            with a sentence that says when or how to try again.
        """
        studio = self._studio
        try:
            with contextlib.ExitStack() as unread:
                if photo is not None:  # with its metadata; Gradio has checked that it lies in its own folder
                    unread.callback(studio.uploads.remove, Path(photo))
                visit, record = studio.visits.require(request.session_hash)
                if photo is None:
                    raise RequestInvalid(say("Send a photo."))
                wanted = build_request(
                    photo=_UNOPENED,
                    style_id=style,
                    scene_id=scene,
                    likeness=likeness,
                    seeds=screen.seeds(seed, seed == -1, variations),
                    model_id=model,
                    visible_label=visible_label,
                    own_style=visit.own.styles.get(style),
                    shape=shape,
                    size=size,
                    crop=hand_crop(crop),
                    consent=record,
                )
                # Before the photo is unpacked, which takes memory.
                with admission.counted(studio, network_of(studio, request), wanted):
                    loaded = photos.open_photo(photo)
                    unread.close()
                    sitting = seat(loaded, API, face=None if face == -1 else face, turn=turn, mark=mark)
                    chosen = {"photo": sitting.photo, "face_index": sitting.face_index}
                    result = self._make(wanted.model_copy(update=chosen), visit)
            studio.visits.keep(record, prints.kept(result))
        except Exception as error:
            raise for_api(error) from None
        return [str(p.path) for p in result.portraits], _told(result, [hint.sentence for hint in sitting.hints])

    def _make(self, wanted: PortraitRequest, visit: Visit) -> PortraitSet:
        """Wait in line and make them; whoever has left in the meantime is not served."""
        with contextlib.closing(worker.run(self._studio.pipeline, wanted)) as events:
            for event in events:
                if isinstance(event, PortraitSet):
                    return event
                if visit.closed:
                    break
        self._studio.visits.tidy(visit.session)  # a portrait that was being finished just then
        raise Cancelled(say("Stopped: consent was taken back, or the session has ended."))


def _told(result: PortraitSet, hints: list[str]) -> dict[str, Any]:
    """What a program learns besides the files; see `Endpoints.portrait`."""
    portraits = [
        {
            "id": p.id,
            "seed": p.seed,
            "style": p.style_id,
            "scene": p.scene_id,
            "shape": p.shape,
            "size": p.size,
            "width": p.width,
            "height": p.height,
            "seconds": round(p.seconds, 2),
            "marks": list(p.provenance.marks),
            "faithfulness": p.faithfulness.model_dump() if p.faithfulness is not None else None,
        }
        for p in result.portraits
    ]
    refused = [
        {"seed": one.seed, "category": one.refusal.category, "sentence": one.refusal.sentence} for one in result.refused
    ]
    return {
        "engine": result.engine,
        "notes": list(result.notes),
        "hints": hints,
        "portraits": portraits,
        "refused": refused,
    }

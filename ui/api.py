"""The studio for programs: /consent, /styles and /portrait through gradio_client.

client = Client(url)
client.predict(agreed=True, api_name="/consent")
files, facts = client.predict(photo=handle_file("me.jpg"), style="oil-master", api_name="/portrait")
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines import photo as photos
from pipelines.errors import RequestInvalid
from pipelines.schema import FAMILY_NAMES
from pipelines.self_portrait import build_request
from ui import screen
from ui.errors import for_api
from ui.studio import Choice, Studio


def build_api(studio: Studio) -> None:
    """Add the public endpoints to the current Blocks. Everything else on the page is private."""
    endpoints = _Endpoints(studio)
    with gr.Row(visible=False):
        agreed, said = gr.Checkbox(label="agreed"), gr.Textbox(label="text")
        listed = gr.JSON(label="styles, scenes and engines")
        inputs = [
            gr.File(label="photo"),
            gr.Textbox(next(iter(studio.presets.styles)), label="style"),
            gr.Textbox("none", label="scene"),
            gr.Number(0.5, label="likeness"),
            gr.Number(-1, label="seed"),
            gr.Number(1, label="variations"),
            gr.Textbox("auto", label="model"),
        ]
        outputs = [gr.File(label="portraits", file_count="multiple"), gr.JSON(label="facts")]
        gr.Button("consent").click(endpoints.consent, agreed, said, api_name="consent")
        gr.Button("styles").click(endpoints.styles, None, listed, api_name="styles")
        # Callers wait for the engine's own lock; a few may, so that one that cannot start does not hold up the others.
        gr.Button("portrait").click(
            endpoints.portrait, inputs, outputs, api_name="portrait", concurrency_id="engine", concurrency_limit=4
        )


class _Endpoints:
    """Docstrings are what callers read in the API's own description."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def consent(self, agreed: object, request: gr.Request) -> str:
        """Agree to the text of the Privacy tab, or take it back. Comes before /portrait, in the same session.

        Args:
            agreed: true to agree: only the boolean counts. false takes consent back and deletes all data.

        Returns:
            The text that was agreed to, or a confirmation that everything is deleted.
        """
        studio = self._studio
        if agreed is False:
            studio.visits.forget(request.session_hash)
            return "Consent is taken back; the photos and portraits of this session are deleted."
        try:
            studio.visits.open(request.session_hash, agreed, Choice(next(iter(studio.presets.styles))))
        except Exception as error:
            raise for_api(error) from None
        notice = studio.consents.notice
        return f"{notice.summary}\n\n{notice.text}\n\nVersion {notice.version}, sha256 {notice.sha256}"

    def styles(self) -> dict[str, Any]:
        """List styles, scenes and engines with the ids that /portrait takes.

        Returns:
            {"styles": [{id, name, summary, family}], "scenes": [{id, name, summary}],
            "engines": [{id, name, is_diffusion, available, reason}]}
        """
        presets = self._studio.presets
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
        request: gr.Request,
    ) -> tuple[list[str], dict[str, Any]]:
        """Make portraits from a photo. /consent must have been called with true in this session.

        Args:
            photo: Picture file (JPEG, PNG, WebP, HEIC, AVIF). Deleted from the server as soon as it is read.
            style: Id from /styles.
            scene: Id from /styles.
            likeness: 0 (more artistic) to 1 (more like me).
            seed: 0 to 4294967295; -1 for a random one. Variations use the seeds that follow.
            variations: 1 to 4.
            model: "auto", or an engine id from /styles.

        Returns:
            The portraits as marked PNG files, and
            {"engine", "notes", "hints" on the photo, "portraits": [{id, seed, style, scene, seconds, "faithfulness":
            {sentence, warning, landmark_drift, eye_size, jaw_width, nose_width, face_height, skin, edges_kept,
            unmeasured}}]}. What could not be measured is null, and "unmeasured" says why.
        """
        studio = self._studio
        try:
            try:
                _, record = studio.visits.require(request.session_hash)
                if photo is None:
                    raise RequestInvalid("Send a photo.")
                loaded = photos.open_photo(photo)
            finally:
                _remove_upload(photo)
            wanted = build_request(
                photo=loaded,
                style_id=style,
                scene_id=scene,
                likeness=likeness,
                seeds=screen.seeds(seed, seed == -1, variations),
                model_id=model,
                consent=record,
            )
            try:
                result = studio.pipeline(wanted)
            finally:
                studio.pipeline.forget_photo(loaded)
            studio.visits.keep(record, screen.kept(result))
        except Exception as error:
            raise for_api(error) from None
        facts = [
            {
                "id": p.id,
                "seed": p.seed,
                "style": p.style_id,
                "scene": p.scene_id,
                "seconds": round(p.seconds, 2),
                "faithfulness": p.faithfulness.model_dump() if p.faithfulness is not None else None,
            }
            for p in result.portraits
        ]
        hints = [hint.sentence for hint in loaded.hints if hint.kind != "several-faces"]
        if len(loaded.faces) > 1:  # nobody is there to click one
            hints.append(f"There are {len(loaded.faces)} faces; the largest was used.")
        told = {"engine": result.engine, "notes": list(result.notes), "hints": hints, "portraits": facts}
        return [str(p.path) for p in result.portraits], told


def _remove_upload(photo: str | None) -> None:
    """Gradio's raw copy of an API upload, with its metadata. Gradio has checked that it lies in its own folder."""
    if photo is not None:
        with contextlib.suppress(OSError):
            Path(photo).unlink()
            Path(photo).parent.rmdir()

"""What shape and size a portrait gets, and where the photo is cut. Each public method is one Gradio event."""

from __future__ import annotations

from typing import Any, get_args

import gradio as gr

from languages.saying import say
from pipelines import sizes
from pipelines.engines.base import PREVIEW
from pipelines.errors import PortraitError, RequestInvalid
from pipelines.photo import hints as photo_hints
from pipelines.photo import opening as photos
from pipelines.portrait_request import build_crop
from pipelines.schema import Shape, Size
from ui import screen
from ui.answers import Answer, told
from ui.visit_handlers import VisitHandlers, before_create
from visits.visit import Visit


class FramingHandlers(VisitHandlers):
    """Shape, size and crop, over one studio. Each answers by the names of what `portrait_tab` shows."""

    @told
    def reshape(
        self, shape: str, size: str, model: str, style: str, scene: str, likeness: float, request: gr.Request
    ) -> Answer:
        """Shape, size or engine was picked, or they are told to a visit that has just begun."""
        visit, wanted = self._visit(request), (_shape(shape), _size(size))
        if visit is None:
            return {"size_words": self._size_words(None, *wanted, model)}
        is_new_shape = visit.shape != wanted[0]
        (visit.shape, visit.size), visit.model = wanted, model
        return self._framed(visit, style, scene, likeness) if is_new_shape else {"size_words": self._words(visit)}

    @told
    def rescene(self, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        """Another scene was picked: it may ask for another crop. The live picture follows by itself."""
        visit = self._visit(request)
        if visit is None or visit.photo is None:
            return {}
        visit.look = self._stage.look(style, scene, likeness, visit)
        return {"photo": self._photo_value(visit, again=True), "size_words": self._words(visit)}

    @told
    def recrop(self, style: str, scene: str, likeness: float, request: gr.Request, event: gr.EventData) -> Answer:
        """The crop was moved, zoomed or turned, or is to be laid around the face again."""
        visit, _ = self._studio.visits.require(request.session_hash)
        visit.require_photo()
        if event.reset is True:
            visit.crop = None
        else:
            visit.crop = build_crop(x=event.x, y=event.y, width=event.width, angle=event.angle)
        return self._framed(visit, style, scene, likeness)

    def _framed(self, visit: Visit, style: str, scene: str, likeness: float) -> Answer:
        """All that follows the crop."""
        look = self._stage.look(style, scene, likeness, visit)
        stage = self._stage.live(visit, look)
        return {
            **before_create(stage),
            "photo": self._photo_value(visit, again=True),
            "size_words": self._words(visit),
            "notice": self._ready(visit),
        }

    def _cut(self, visit: Visit) -> screen.Cut | None:
        """Where the visit's photo is cut; None where there is none, or where it is open who is meant."""
        if visit.photo is None or visit.must_choose_face:
            return None
        scene = visit.look.scene_id
        frame = self._studio.pipeline.frame(
            visit.photo, visit.face_index, scene_id=scene, shape=visit.shape, crop=visit.crop
        )
        return screen.Cut(frame, self._studio.presets.scene(scene).backdrop is not None)

    def _photo_value(self, visit: Visit, *, again: bool = False) -> dict[str, Any] | None:
        return screen.photo_value(visit, self._cut(visit), again=again)

    def _words(self, visit: Visit) -> str:
        return self._size_words(visit, visit.shape, visit.size, visit.model)

    def _size_words(self, visit: Visit | None, shape: Shape, size: Size, model: str) -> str:
        """How large the portrait will be, and why not larger where a print was asked for."""
        cut = None if visit is None else self._cut(visit)
        wanted = float(max(sizes.along(shape, sizes.LONGEST[size])))
        detail = wanted if cut is None else max(cut.frame.width, cut.frame.height)
        try:
            name, made = self._studio.pipeline.dimensions(model, shape, size, detail)
        except PortraitError:  # that it cannot run here is said beside its name
            return ""
        lines = [f"{name}: {sizes.print_words(*made)}."]
        if size == "print" and max(made) < sizes.LONGEST["print"]:
            filters, _ = self._studio.pipeline.dimensions(PREVIEW, shape, size, detail)
            if name != filters:
                lines.append(say("It makes no other size; instant filters (Advanced, Made by) make larger prints."))
            elif cut is not None:
                lines.append(photo_hints.small_print(cut.frame, sizes.along(shape, sizes.LONGEST["print"])))
        return f'<p class="fine">{" ".join(map(str, lines))}</p>'


def _shape(value: object) -> Shape:
    found = next((shape for shape in get_args(Shape) if shape == value), None)
    if found is None:
        raise RequestInvalid(say("There is no such shape; choose 1:1, 4:5 or 9:16."))
    return found


def _size(value: object) -> Size:
    found = next((size for size in get_args(Size) if size == value), None)
    if found is None:
        raise RequestInvalid(say("There is no such size; choose screen or print."))
    return found


def keeps(visit: Visit, face_index: int | None) -> bool:
    """Whether a crop that was set by hand still shows the face that is chosen."""
    if visit.crop is None or visit.photo is None:
        return True
    frame = photos.frame(visit.photo, face_index, sizes.ratio(visit.shape), crop=visit.crop)
    return photos.shows_face(visit.photo, face_index, frame)

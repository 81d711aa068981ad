"""What the stage shows: an example, the live picture of a look, a portrait while it is made, a finished one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from languages.saying import say
from pipelines import heavy
from pipelines.engines.base import AUTO
from pipelines.photo import opening as photos
from pipelines.schema import HandCrop, LoadedPhoto, PortraitRequest, Shape, Style, StylePicture
from pipelines.worker import StepEvent
from ui import prints, screen
from visits.studio import Studio
from visits.visit import Look, Visit
from web import pictures

Value = dict[str, Any]  # of the widget `stage`
_STEP_SIDE, _STEP_QUALITY = 320, 70  # each step sends one, and four portraits by filters have thirty
_EXAMPLES = 64  # kept in memory, some 0.2 MB each: every visitor's page begins with one, and most look at the same few


class Stage:
    """Over one studio, for all visits."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._sitter: LoadedPhoto | None = None
        self._example = lru_cache(_EXAMPLES)(self._new_example)

    def look(self, style: str, scene: str, likeness: float, visit: Visit | None = None) -> Look:
        """What was picked, checked.

        Args:
            visit: Whose own styles it may be of.

        Raises:
            RequestInvalid: There is no such style or scene.
        """
        presets = self._studio.presets
        own = None if visit is None else visit.own.find(style)
        chosen = own or presets.style(style)
        likeness = min(1.0, max(0.0, float(likeness)))
        return Look(style, presets.scene(scene).id, likeness, needs_picture=chosen.needs_picture)

    def live(self, visit: Visit, look: Look) -> Value:
        """The live picture of what is picked, or what the empty frame says. The visit remembers the look."""
        visit.look = look
        photo, own = visit.photo, visit.own.find(look.style_id)
        if visit.lacks_picture_for(look):
            return self._needs_picture(look, own)
        if photo is None:
            return self.example(look, visit.style_picture, own)
        if visit.must_choose_face:
            return {"words": screen.missing(visit), "live": self._title(look, own)}
        painted = self._painted(photo, visit.face_index, look, visit.style_picture, visit.shape, visit.crop, own)
        return painted | self._named(look, own) | {"mode": "photo"}

    def example(self, look: Look, picture: StylePicture | None = None, own: Style | None = None) -> Value:
        """What the styles do to somebody else's photo, until the visitor's own is here."""
        if self._studio.pipeline.warming:
            return {"live": self._title(look, own)}
        if look.needs_picture and picture is None:
            return self._needs_picture(look, own)
        plain = picture is None and own is None
        painted = self._example(look) if plain else self._new_example(look, picture, own)
        named = self._named(look, own)
        badge = say("{credit}. {badge}", credit=screen.EXAMPLE_CREDIT, badge=named["badge"])
        return painted | named | {"mode": "example", "badge": badge}

    def working(self, wanted: PortraitRequest) -> Value:
        """Before the first step."""
        crop = self._studio.pipeline.used_photo(
            wanted.photo, wanted.face_index, scene_id=wanted.scene_id, shape=wanted.shape, crop=wanted.crop
        )
        return {
            "mode": "working",
            "title": self._title(Look(wanted.style_id, wanted.scene_id), wanted.own_style),
            "badge": self._maker(wanted.model_id),
            "words": say("Getting ready"),
            "after": pictures.data_uri(crop),
            "ratio": prints.ratio_of(*crop.size),
        }

    def step(self, event: StepEvent, count: int) -> Value:
        """What a step changes of that, in the making of so many portraits."""
        changed: Value = {
            "step": event.step,
            "total": event.total,
            "words": screen.progress_words(event.step, event.total, count),
        }
        if event.preview is not None:
            changed["after"] = pictures.light_uri(event.preview, longest=_STEP_SIDE, quality=_STEP_QUALITY)
        return changed

    def hung(self, results: Value) -> Value:
        """The newest of the portraits that `prints.results_value` tells of."""
        first = results["portraits"][0]
        return {
            "mode": "portraits",
            "after": first["shown"],
            "before": first["originals"][0]["src"],
            "title": first["title"],
            "badge": first["badge"],
            "ratio": first["ratio"],
        }

    def _needs_picture(self, look: Look, own: Style | None) -> Value:
        return {"words": screen.GIVE_A_PICTURE, "live": self._title(look, own)}

    def _new_example(self, look: Look, picture: StylePicture | None = None, own: Style | None = None) -> Value:
        if self._sitter is None:
            self._sitter = photos.open_photo(heavy.load("skimage.data").astronaut())
        return self._painted(self._sitter, 0, look, picture, own=own)

    def _painted(
        self,
        photo: LoadedPhoto,
        face: int | None,
        look: Look,
        picture: StylePicture | None = None,
        shape: Shape = "1:1",
        crop: HandCrop | None = None,
        own: Style | None = None,
    ) -> Value:
        pipeline = self._studio.pipeline
        after = pipeline.preview(
            photo,
            face_index=face,
            style_id=look.style_id,
            scene_id=look.scene_id,
            likeness=look.likeness,
            style_picture=picture,
            own_style=own,
            shape=shape,
            crop=crop,
        )
        before = pipeline.used_photo(photo, face, scene_id=look.scene_id, shape=shape, crop=crop)
        return {
            "after": pictures.data_uri(after),
            "before": pictures.data_uri(before),
            "ratio": prints.ratio_of(*after.size),
        }

    def _named(self, look: Look, own: Style | None) -> Value:
        name = self._title(look, own)
        return {"title": name, "live": name, "badge": prints.badge("", False)}

    def _maker(self, model: str) -> str:
        """Who will make the picture, for the plate under it while it is made."""
        for engine in self._studio.pipeline.engines():
            if engine.id == model or (model == AUTO and engine.is_automatic):
                return prints.badge(engine.name, engine.is_diffusion)
        return ""

    def _title(self, look: Look, own: Style | None = None) -> str:
        presets = self._studio.presets
        return prints.title(own or presets.style(look.style_id), presets.scene(look.scene_id))

"""What happens on the Portrait tab. Each method is one Gradio event; each asks for the consent on record first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event
from typing import Any

import gradio as gr

from languages.saying import say
from pipelines import worker
from pipelines.errors import Cancelled, ConsentMissing, PictureRefused, RequestInvalid
from pipelines.photo import opening as photos
from pipelines.photo.framing import turned_crop
from pipelines.portrait_request import build_request
from pipelines.results import PortraitSet
from pipelines.schema import LoadedPhoto, PortraitRequest
from ui import prints, screen
from ui.answers import Answer, told
from ui.callers import network_of
from ui.errors import alert, explain, status
from ui.framing_handlers import FramingHandlers, keeps
from ui.style_editor import editor_shown, styles_shown, taken_over
from ui.visit_handlers import CREATE, before_create
from visits import admission
from visits.visit import Visit
from web.errors import sentence

AGAIN = say("New portrait")  # the button while one hangs on the stage
_IDLE = {"create": gr.update(interactive=True), "cancel": gr.update(visible=False)}
_BUSY = {
    "create": gr.update(interactive=False),
    "cancel": gr.update(visible=True, value=say("Cancel"), interactive=True),
}


class PortraitHandlers(FramingHandlers):
    """Events of the Portrait tab, over one studio. Each answers by the names of what `portrait_tab` shows."""

    @told
    def arrived(self, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        """A photo lies in the visit, or a face was chosen there."""
        visit, _ = self._studio.visits.require(request.session_hash)
        return self._photo(visit, style, scene, likeness)

    @told
    def face(self, style: str, scene: str, likeness: float, request: gr.Request, event: gr.EventData) -> Answer:
        """One of the faces was chosen."""
        visit, _ = self._studio.visits.require(request.session_hash)
        index, photo = event.index, visit.require_photo()
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(photo.faces):
            raise RequestInvalid(say("That face is not in the photo; choose one of those that were found."))
        visit.face_index = index
        if not keeps(visit, index):  # it was set for somebody else
            visit.crop = None
        return self._photo(visit, style, scene, likeness)

    @told
    def anyway(self, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        """Go on with a photo in which there is no face."""
        return self._changed(photos.faceless, style, scene, likeness, request, faceless=True)

    @told
    def turn(self, style: str, scene: str, likeness: float, request: gr.Request, event: gr.EventData) -> Answer:
        """The photo is to be turned clockwise."""
        visit, _ = self._studio.visits.require(request.session_hash)
        photo, crop = visit.require_photo(), visit.crop
        new = photos.turned(photo, event.degrees)
        sitter = photos.sitter_after(photo, visit.face_index, new, event.degrees)
        turned = None if crop is None else turned_crop(crop, event.degrees, photo.image.size)
        self._studio.visits.change_photo(visit, photo, new, sitter, turned)
        return self._photo(visit, style, scene, likeness)

    @told
    def mark(self, style: str, scene: str, likeness: float, request: gr.Request, event: gr.EventData) -> Answer:
        """A face was marked by hand, its middle and width in percent."""

        def marked(photo: LoadedPhoto) -> LoadedPhoto:
            return photos.marked(photo, _number(event.x), _number(event.y), _number(event.size))

        return self._changed(marked, style, scene, likeness, request, last_face=True)

    def _changed(
        self,
        change: Callable[[LoadedPhoto], LoadedPhoto],
        style: str,
        scene: str,
        likeness: float,
        request: gr.Request,
        *,
        faceless: bool = False,
        last_face: bool = False,
    ) -> Answer:
        """The visit's photo in another form, with no face chosen or the last one."""
        visit, _ = self._studio.visits.require(request.session_hash)
        photo = visit.require_photo()
        new = change(photo)
        self._studio.visits.change_photo(visit, photo, new, len(new.faces) - 1 if last_face else None, visit.crop)
        visit.faceless = faceless
        return self._photo(visit, style, scene, likeness)

    def _photo(self, visit: Visit, style: str, scene: str, likeness: float) -> Answer:
        photo = visit.photo
        stage = self._stage.live(visit, self._stage.look(style, scene, likeness, visit))
        if visit.photo is not photo:  # replaced or removed meanwhile: that one's own event says so
            return {}
        value, words = self._photo_value(visit), self._words(visit)
        return {"photo": value, **before_create(stage), "size_words": words, "notice": self._ready(visit)}

    @told
    def remove(self, style: str, scene: str, likeness: float, request: gr.Request, event: gr.EventData) -> Answer:
        """Drop the photo and any that is on its way, keep consent and portraits."""
        visit, _ = self._studio.visits.require(request.session_hash)
        if not isinstance(event.asked, int) or isinstance(event.asked, bool):
            raise RequestInvalid(say("Press Remove again; that was no number of a request."))
        self._studio.visits.remove_photo(visit, event.asked)
        live = self.restyle(style, scene, likeness, request)
        return {"photo": screen.photo_value(visit), **live, "notice": self._ready(visit)}

    def create(
        self,
        style: str,
        scene: str,
        likeness: float,
        variations: int,
        model: str,
        seed: float | None,
        shuffle: bool,
        words: str,
        controls: bool,
        label: bool,
        shape: str,
        size: str,
        request: gr.Request,
    ) -> Iterator[Answer]:
        """Make portraits, and show each step."""
        try:
            visit, consent = self._studio.visits.require(request.session_hash)
            look = self._stage.look(style, scene, likeness, visit)
            if lacking := screen.missing(visit, look):
                raise RequestInvalid(lacking)
            wanted = build_request(
                photo=visit.require_photo(),
                face_index=visit.face_index,
                style_id=look.style_id,
                scene_id=scene,
                likeness=likeness,
                seeds=screen.seeds(seed, shuffle is True, variations),
                model_id=model,
                extra_prompt=words or "",
                visible_label=label is True,
                style_picture=visit.style_picture if look.needs_picture else None,
                own_style=visit.own.find(look.style_id),
                shape=shape,
                size=size,
                crop=visit.crop,
                consent=consent,
            )
            visit.require_room(len(wanted.seeds))
            stop = visit.begin()
        except Exception as error:
            yield {"notice": alert(self._why_not(error)), **_IDLE}
            return
        try:
            with admission.counted(self._studio, network_of(self._studio, request), wanted):
                for event in self._work(wanted, stop):
                    if isinstance(event, PortraitSet):
                        hung = self._hang(visit, wanted, event, controls)
                        again = gr.update(interactive=True, value=AGAIN)
                        yield {**hung, **_IDLE, "create": again, "seed": wanted.seeds[0]}
                    else:
                        yield {"stage": event, "notice": "", **_BUSY}
        except Exception as error:
            if visit.closed:  # the page was cleared when the consent was taken back
                yield {**_IDLE}
                return
            yield {**self.restyle(style, scene, likeness, request), **_broken_off(error, wanted)}
        except GeneratorExit:  # the page has gone, perhaps to be reloaded
            visit.cut_short = True
            raise
        finally:
            visit.end(stop)
            self._studio.visits.tidy(visit.session)

    def _work(self, wanted: PortraitRequest, stop: Event) -> Iterator[dict[str, Any] | PortraitSet]:
        """What the stage shows, step by step, then the result. Closing it stops the engine and waits for it."""
        frame = self._stage.working(wanted)
        yield frame
        with closing(worker.run(self._studio.pipeline, wanted, stop=stop)) as events:
            for event in events:
                if isinstance(event, PortraitSet):
                    yield event
                    return
                if isinstance(event, worker.WaitEvent):
                    yield frame | {"words": screen.waiting_words(event.place)}
                else:
                    frame = frame | self._stage.step(event, len(wanted.seeds))
                    yield frame

    def cancel(self, request: gr.Request) -> Answer:
        """Stop what is being made, within one step; `create` then says so."""
        visit = self._visit(request)
        if visit is None or not visit.stop():
            return {}
        return {"cancel": gr.update(value=say("Stopping ..."), interactive=False)}

    @told
    def redraw(self, controls: bool, request: gr.Request) -> Answer:
        """Control images shown or hidden."""
        visit = self._visit(request)
        return {} if visit is None else {"results": self._results(visit, controls)}

    def reuse(self, request: gr.Request, event: gr.EventData) -> Answer:
        """Take over what a portrait was made with: style, scene, likeness and seed."""
        visit = self._visit(request)
        kept = None if visit is None else visit.portrait(event.id)
        if kept is None:
            return {"notice": alert(say("That portrait is gone; choose its style and scene by hand."))}
        made = kept.portrait
        if visit is not None and not taken_over(self._studio, visit, made):
            return {"notice": alert(say("That style of yours was removed; choose another one."))}
        look = {"style": made.style_id, "scene": made.scene_id, "likeness": made.likeness}
        look |= {"shape": made.shape, "size": made.size}
        is_same_photo = visit is not None and kept.photo_at == visit.photo_at and kept.face_index == visit.face_index
        if visit is not None and is_same_photo and visit.crop != made.crop:
            visit.crop = made.crop
            look |= self._framed(visit, made.style_id, made.scene_id, made.likeness)
        pickers = {"style_pick": made.style_id, "scene_pick": made.scene_id}
        style = made.own_style or self._studio.presets.style(made.style_id)
        name = prints.title(style, self._studio.presets.scene(made.scene_id))
        words = say("{name}, seed {seed}: these settings will be used next.", name=name, seed=made.seed)
        editor = editor_shown(self._studio, visit)
        return {**look, **pickers, **editor, "seed": made.seed, "shuffle": False, "notice": status(words)}

    def style_kept(self, style: str, scene: str, likeness: float, request: gr.Request, event: gr.EventData) -> Answer:
        """A style was kept or taken in, and is picked now, or one was removed: the event's id is what to pick."""
        shown = styles_shown(self._studio, self._visit(request), event.id)
        return {**shown, **self.restyle(shown["style_pick"], scene, likeness, request)}

    @told
    def favourite(self, controls: bool, request: gr.Request, event: gr.EventData) -> Answer:
        """A star put on a portrait, or taken off."""
        visit, _ = self._studio.visits.require(request.session_hash)
        kept = visit.portrait(event.id)
        if kept is None:
            raise RequestInvalid(say("That portrait is gone; create it again from its seed."))
        kept.favourite = event.on is True
        words = say("Portrait {number} is no favourite any more.", number=kept.number)
        if kept.favourite:
            words = say("Portrait {number} is a favourite: new ones do not replace it.", number=kept.number)
        return {"results": self._results(visit, controls), "notice": status(words)}

    def _hang(self, visit: Visit, wanted: PortraitRequest, result: PortraitSet, controls: bool) -> Answer:
        """A finished set on the wall."""
        still_here = visit if visit.photo is wanted.photo else None
        self._studio.visits.keep(wanted.consent, prints.kept(result, still_here, wanted.face_index))
        results = self._results(visit, controls)
        done, held_back = prints.done_words(result)
        said = status(f"{done} {results['room']}".strip()) + alert(held_back) + self._lost(visit)
        return {"stage": self._stage.hung(results), "results": results, "notice": said}

    def _why_not(self, error: Exception) -> str:
        """Before anything ran, the words say what is missing rather than what failed."""
        words = sentence(error)
        return screen.missing(None) if isinstance(error, ConsentMissing) else words


def _number(value: object) -> int | float:
    """A number that the page sent; not a number where it is none, which no rule lets through."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _broken_off(error: Exception, wanted: PortraitRequest) -> Answer:
    """What the page shows of portraits that were not made."""
    if isinstance(error, Cancelled):
        notice = status(say("Stopped. Your photo and your choices are still here."))
    else:
        notice = alert(explain(error))
    again = {"seed": screen.next_seed(wanted.seeds)} if isinstance(error, PictureRefused) else {}
    return {"notice": notice, **_IDLE, "create": gr.update(interactive=True, value=CREATE), **again}

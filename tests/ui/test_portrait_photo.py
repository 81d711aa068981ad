"""What happens to the photo on the Portrait tab: faces chosen and marked, turns, removals, late ones."""

from __future__ import annotations

import io
import weakref
from operator import itemgetter
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.photo import opening as photos
from pipelines.photo.opening import open_photo
from tests.support.drawings import drawn_face, person, side_by_side
from tests.support.studio import LOOK, Served, create, event, is_gone, request_of, with_photo
from ui.portrait_handlers import PortraitHandlers


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("index", [2, -1, True, "0", None])
def test_a_face_that_is_not_there_cannot_be_chosen(
    served: Served, handlers: PortraitHandlers, session: str, crowd_bytes: bytes, index: object
) -> None:
    visit = with_photo(served, handlers, session, crowd_bytes)
    assert 'role="alert"' in handlers.face(*LOOK, request_of(session), event(index=index))["notice"]
    assert visit.face_index is None


def test_a_box_that_may_be_no_face_is_asked_about(served: Served, handlers: PortraitHandlers, session: str) -> None:
    visit = with_photo(served, handlers, session, encoded(drawn_face(300)))
    photo, stage = itemgetter("photo", "stage")(handlers.arrived(*LOOK, request_of(session)))
    assert photo["photo"]["asked"] is True
    assert photo["photo"]["hints"][0][1] is True
    assert "after" not in stage
    assert "Is this a face?" in list(create(handlers, session))[-1]["notice"]
    photo, stage, notice = itemgetter("photo", "stage", "notice")(
        handlers.face(*LOOK, request_of(session), event(index=0))
    )
    assert photo["photo"]["asked"] is False
    assert stage["after"].startswith("data:image/jpeg")
    assert "Ready" in notice
    visit.face_index = None
    photo, stage, notice = itemgetter("photo", "stage", "notice")(handlers.anyway(*LOOK, request_of(session)))
    assert photo["photo"]["faces"] == []
    assert "Ready" in notice
    assert stage["after"].startswith("data:image/jpeg")


def test_what_is_said_and_refused_follows_the_chosen_face(
    served: Served, handlers: PortraitHandlers, session: str, face_photo: Image.Image
) -> None:
    dark = person(face_photo, 150).point(lambda value: value // 6)
    visit = with_photo(served, handlers, session, encoded(side_by_side(person(face_photo, 200), dark)))
    left = [face.box[0] for face in visit.require_photo().faces]
    for index in range(2):
        said = handlers.face(*LOOK, request_of(session), event(index=index))["photo"]["photo"]["hints"]
        assert ("little light" in str(said)) == (left[index] == max(left))
    photo = visit.require_photo()
    tiny = photo.faces[1].model_copy(update={"box": (10, 10, 50, 50)})
    visit.photo = photo.model_copy(update={"faces": (tiny, photo.faces[0])})
    said, notice = itemgetter("photo", "notice")(handlers.face(*LOOK, request_of(session), event(index=0)))
    assert "very small" in said["photo"]["hints"][1][0]
    assert "Ready" not in notice
    assert "very small" in list(create(handlers, session))[-1]["notice"]
    assert "Ready" in handlers.face(*LOOK, request_of(session), event(index=1))["notice"]


def test_a_photo_on_its_head_is_turned(
    served: Served, handlers: PortraitHandlers, session: str, face_photo: Image.Image
) -> None:
    visit = with_photo(served, handlers, session, encoded(face_photo.rotate(180)))
    before, age = weakref.ref(visit.require_photo()), visit.photo_at
    photo, stage = itemgetter("photo", "stage")(handlers.arrived(*LOOK, request_of(session)))
    assert photo["photo"]["turn"] == 180
    assert "after" not in stage
    photo, stage, notice = itemgetter("photo", "stage", "notice")(
        handlers.turn(*LOOK, request_of(session), event(degrees=photo["photo"]["turn"]))
    )
    assert photo["photo"]["turn"] == 0
    assert stage["after"].startswith("data:image/jpeg")
    assert "Ready" in notice
    assert visit.photo_at == age, "turning is no way to keep a photo for longer"
    assert is_gone(before), "and nothing that was cut from it stays"
    assert 'role="alert"' in handlers.turn(*LOOK, request_of(session), event(degrees=45))["notice"]


def test_a_face_that_was_not_found_is_marked_by_hand(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    # Noise, for smooth pictures look like skin to the picture checker.
    nobody = Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8))
    visit = with_photo(served, handlers, session, encoded(nobody))
    photo, notice = itemgetter("photo", "notice")(handlers.mark(*LOOK, request_of(session), event(x=50, y=40, size=30)))
    assert photo["photo"]["face"] == 0
    assert len(photo["photo"]["faces"]) == 1
    assert "cannot be measured" in str(photo["photo"]["hints"])
    assert "Ready" in notice
    results = list(create(handlers, session, controls=True))[-1]["results"]
    assert "measure" in results["portraits"][0]["faithfulness"]["sentence"]
    for place in ({"x": -1}, {"y": "40"}, {"size": 0}, {"size": True}, {"x": None}):
        values = {"x": 50, "y": 40, "size": 30, **place}
        assert "Mark your face" in handlers.mark(*LOOK, request_of(session), event(**values))["notice"]
    assert visit.face_index == 0


def test_portraits_from_before_a_mark_get_no_control_images_of_another_face(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    with_photo(served, handlers, session, photo_bytes)
    list(create(handlers, session))
    handlers.mark(*LOOK, request_of(session), event(x=80, y=80, size=20))
    assert len(handlers.redraw(True, request_of(session))["results"]["portraits"][0]["originals"]) == 1


def test_a_photo_that_was_replaced_meanwhile_is_not_brought_back_by_turning_it(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    other, turn = open_photo(photo_bytes), photos.turned

    def slow(*args: Any) -> Any:
        served.studio.visits.take_photo(visit, other)
        return turn(*args)

    monkeypatch.setattr(photos, "turned", slow)
    assert 'role="alert"' in handlers.turn(*LOOK, request_of(session), event(degrees=90))["notice"]
    assert visit.photo is other


def test_a_photo_that_arrives_after_remove_is_not_taken_in(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    late = served.studio.visits.ask(visit)
    photo = handlers.remove(*LOOK, request_of(session), event(asked=late + 1))["photo"]
    assert photo["photo"] is None
    assert served.studio.visits.take_photo(visit, open_photo(photo_bytes), late) is False
    assert visit.photo is None
    assert served.studio.visits.take_photo(visit, open_photo(photo_bytes), late + 2) is True
    handlers.remove(*LOOK, request_of(session), event(asked=late + 1))  # its event was held up on the way
    assert visit.photo is not None


@pytest.mark.parametrize("asked", [None, "2", True, 1.5])
def test_a_remove_without_a_number_removes_nothing(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes, asked: object
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    assert 'role="alert"' in handlers.remove(*LOOK, request_of(session), event(asked=asked))["notice"]
    assert visit.photo is not None

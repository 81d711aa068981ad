"""Shape, size and crop as they are picked on the Portrait tab."""

from __future__ import annotations

import io
from operator import itemgetter
from typing import Any

import pytest
from PIL import Image

from pipelines import sizes
from pipelines.schema import HandCrop
from tests.support.fakes import SIZE
from tests.support.studio import LOOK, Served, create, event, request_of, with_photo
from ui.portrait_handlers import PortraitHandlers
from visits.visit import Visit

CROP = {"x": 45.0, "y": 30.0, "width": 50.0, "angle": 6.0, "reset": False}


def reshape(handlers: PortraitHandlers, session: str, shape: Any, size: Any = "screen", model: str = "auto"):
    return handlers.reshape(shape, size, model, *LOOK, request_of(session))


def recrop(handlers: PortraitHandlers, session: str, **changes: Any):
    return handlers.recrop(*LOOK, request_of(session), event(**{**CROP, **changes}))


def last(handlers: PortraitHandlers, session: str, visit: Visit, **changes: Any):
    *_, answer = create(handlers, session, **changes)
    assert "ready" in answer["notice"], answer["notice"]
    return visit.kept[0].portrait


def test_another_shape_is_seen_at_once_and_made(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    photo, stage, words = itemgetter("photo", "stage", "size_words")(reshape(handlers, session, "9:16", "print"))
    assert stage["ratio"] == pytest.approx(9 / 16, abs=0.01)
    assert photo["photo"]["crop"]["ratio"] == pytest.approx(9 / 16)
    assert photo["photo"]["src"] == "", "the page has the picture"
    assert "pixels here, too few for 1152 × 2048" in words
    portrait = last(handlers, session, visit, shape="9:16", size="print")
    with Image.open(portrait.path) as file:
        assert file.width / file.height == pytest.approx(9 / 16, abs=0.01)
    assert file.height > SIZE, "as far as the photo has pixels"


def test_what_was_picked_before_consent_counts_after_it(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    assert list(reshape(handlers, session, "4:5")) == ["size_words"]
    visit = with_photo(served, handlers, session, photo_bytes)
    reshape(handlers, session, "4:5", "print")  # the page says it once more when consent is given
    assert (visit.shape, visit.size) == ("4:5", "print")
    stage = handlers.arrived(*LOOK, request_of(session))["stage"]
    assert stage["ratio"] == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("shape", "size"), [("3:4", "screen"), ("1:1", "poster"), (None, "screen"), ("1:1", 2048)])
def test_what_is_not_offered_changes_nothing(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes, shape: object, size: object
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    assert 'role="alert"' in reshape(handlers, session, shape, size)["notice"]
    assert (visit.shape, visit.size) == ("1:1", "screen")
    *_, answer = create(handlers, session, shape=shape, size=size)
    assert "There is no such s" in answer["notice"]
    assert visit.kept == []


def test_a_crop_by_hand_is_followed_by_picture_hints_and_portrait(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    before = handlers.arrived(*LOOK, request_of(session))
    assert before["photo"]["photo"]["crop"]["by_hand"] is False
    photo, stage, notice = itemgetter("photo", "stage", "notice")(recrop(handlers, session))
    assert stage["before"] != before["stage"]["before"]
    assert photo["photo"]["crop"]["by_hand"] is True
    assert photo["photo"]["crop"]["angle"] == 6.0
    assert "Ready" in notice
    assert last(handlers, session, visit).crop == HandCrop(x=45, y=30, width=50, angle=6)
    off = recrop(handlers, session, x=95.0, y=95.0, width=20.0)["photo"]["photo"]["hints"]
    assert any("lies outside of the crop" in sentence for sentence, _ in off)
    back = handlers.recrop(*LOOK, request_of(session), event(reset=True))
    assert back["stage"]["before"] == before["stage"]["before"]
    assert visit.crop is None


@pytest.mark.parametrize(
    "changes", [{"x": "left"}, {"x": 101.0}, {"width": 0.0}, {"angle": 46.0}, {"y": None}, {"x": float("nan")}]
)
def test_a_crop_without_a_meaning_changes_nothing(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes, changes: dict[str, object]
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    assert 'role="alert"' in recrop(handlers, session, **changes)["notice"]
    assert visit.crop is None


def test_shape_size_and_crop_are_taken_over_from_a_portrait(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    recrop(handlers, session)
    portrait = last(handlers, session, visit, shape="4:5", size="print")
    handlers.recrop(*LOOK, request_of(session), event(reset=True))
    answer = handlers.reuse(request_of(session), event(id=portrait.id))
    assert (answer["shape"], answer["size"]) == ("4:5", "print")
    assert visit.crop == portrait.crop
    assert answer["photo"]["photo"]["crop"]["by_hand"] is True


def test_turning_keeps_the_crop_and_another_face_gets_one_of_its_own(
    served: Served, handlers: PortraitHandlers, session: str, crowd_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, crowd_bytes)
    boxes = [face.box for face in visit.require_photo().faces]
    assert handlers.arrived(*LOOK, request_of(session))["photo"]["photo"]["crop"] is None, "whose face is open"
    handlers.face(*LOOK, request_of(session), event(index=0))
    left, _, right, _ = boxes[0]
    recrop(handlers, session, x=100 * (left + right) / 2 / 1024, width=30.0)
    handlers.turn(*LOOK, request_of(session), event(degrees=180))
    assert visit.crop is not None
    handlers.turn(*LOOK, request_of(session), event(degrees=180))
    assert visit.crop is not None
    assert visit.crop.x == pytest.approx(100 * (left + right) / 2 / 1024)
    handlers.face(*LOOK, request_of(session), event(index=1))
    assert visit.crop is None


def test_another_scene_asks_for_another_crop(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    with_photo(served, handlers, session, photo_bytes)
    plain = handlers.arrived(*LOOK, request_of(session))["photo"]["photo"]["crop"]
    orbit = handlers.rescene(LOOK[0], "orbit", 0.5, request_of(session))["photo"]["photo"]["crop"]
    assert orbit["width"] > plain["width"]


def test_the_line_under_download_says_how_large_it_prints(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    *_, answer = create(handlers, session, shape="4:5")
    (shown,) = answer["results"]["portraits"]
    assert shown["print"] == sizes.print_words(visit.kept[0].portrait.width, visit.kept[0].portrait.height)
    assert shown["ratio"] == pytest.approx(0.8, abs=0.01)


def test_a_new_photo_has_no_crop_of_the_old_one(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes, face_photo: Image.Image
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    recrop(handlers, session)
    buffer = io.BytesIO()
    face_photo.save(buffer, "PNG")
    with_photo(served, handlers, session, buffer.getvalue())
    assert visit.crop is None

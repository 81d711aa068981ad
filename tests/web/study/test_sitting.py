"""Participants' photos, the portraits that are made of them, and what becomes of both."""

from __future__ import annotations

import io
import time

import pytest
from PIL import Image, ImageFilter, PngImagePlugin

from pipelines.safety.policy import default_policy
from pipelines.safety.review import Safety
from tests.conftest import difference
from tests.support.participant import Person
from tests.support.reviewers import Picky
from tests.support.studio import jpeg
from visits.sittings import Sitting
from visits.studio import Studio
from web.study_page import pixels
from web.study_routes import TAB_HEADER


def test_making_stops_when_asked_and_goes_on_from_there(studio: Studio, photo: bytes) -> None:
    person = Person(studio, "stops")
    person.agree()
    person.answer()
    person.ask("photo", photo)
    assert person.ask("portraits")["task"] == "portraits"
    person.ask("portraits", {"stop": True})
    me = studio.studies.store.identity.participant("small", "stops")
    sitting = studio.sittings.find(me)
    assert sitting is not None
    assert sitting.thread is not None
    sitting.thread.join(60)
    stopped = person.http.get("/study/small/progress", headers={TAB_HEADER: person.tab}).json()
    assert stopped["task"] == "photo"
    assert stopped["photo"]["there"], "the photo is kept to go on with"
    made = studio.studies.store.find(me).pictures
    assert len(made) < 5
    assert len(sitting.took) == len(made), "by which the time that is left is told"
    person.sit(photo)
    now = studio.studies.store.find(me).pictures
    assert len(now) == 5
    assert made.items() <= now.items(), "what was made stays"


def test_the_time_that_is_left_is_told_by_the_portraits_that_are_made() -> None:
    sitting = Sitting(number=1, of=4, began=100.0)
    assert sitting.seconds_left(110.0) is None
    sitting.took.append(20.0)
    sitting.number = 2
    assert sitting.seconds_left(105.0) == 15 + 2 * 20
    assert sitting.seconds_left(190.0) == 2 * 20, "one that takes longer than usual"


@pytest.mark.parametrize("what", ["crop", "portrait"])
def test_a_photo_that_is_refused_says_what_a_participant_can_do(
    studio: Studio, photo: bytes, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    picky = Picky(1)
    picky.is_quick = what == "crop"
    monkeypatch.setattr(studio.pipeline, "safety", Safety((default_policy(),), (picky,)))
    person = Person(studio, f"refused-{what}")
    person.agree()
    person.answer()
    person.ask("photo", photo)
    person.ask("portraits")
    me = studio.studies.store.identity.participant("small", f"refused-{what}")
    sitting = studio.sittings.find(me)
    assert sitting is not None
    assert sitting.thread is not None
    sitting.thread.join(60)
    assert "Take another photo" in sitting.said
    assert "Adjust" not in sitting.said
    assert not studio.studies.store.find(me).pictures


def test_a_photo_is_dropped_by_age_and_one_without_a_face_makes_no_portrait(studio: Studio, photo: bytes) -> None:
    person = Person(studio, "ages")
    person.agree()
    person.answer()
    empty = jpeg(Image.new("RGB", (640, 640), (120, 140, 160)))
    said = person.ask("photo", empty)["photo"]
    assert (said["faces"], said["blocked"]) == ([], True)
    refused = person.post("portraits")
    assert refused.status_code == 422
    assert "No face was found" in refused.json()["sentence"]
    assert person.post("photo", b"no picture").status_code == 422
    two = Image.new("RGB", (1024, 512))
    with Image.open(io.BytesIO(photo)) as face:
        two.paste(face, (0, 0))
        two.paste(face, (512, 0))
    said = person.ask("photo", jpeg(two))["photo"]
    assert len(said["faces"]) == 2
    assert said["blocked"]
    assert person.post("sitter", {"face": 5}).status_code == 422
    assert not person.ask("sitter", {"face": 1})["photo"]["blocked"]
    assert person.ask("sitter", {"face": 0})["photo"]["face"] == 0, "who tapped the wrong one can tap again"
    assert person.http.get("/study/small/photo.jpg").headers["content-type"] == "image/jpeg"
    studio.sittings.sweep(time.monotonic() + 3600)
    assert person.http.get("/study/small/photo.jpg").status_code == 404
    assert person.post("portraits").status_code == 422


def test_a_face_is_marked_by_hand_and_a_photo_set_upright(studio: Studio, face_photo: Image.Image) -> None:
    person = Person(studio, "marks")
    person.agree()
    person.answer()
    assert person.ask("photo", jpeg(Image.new("RGB", (640, 640), (120, 140, 160))))["photo"]["blocked"]
    for wrong in (None, {}, {"x": 50, "y": 40}, {"x": "50", "y": 40, "size": 20}, {"x": 50, "y": 40, "size": 0}, [50]):
        assert person.post("sitter", {"mark": wrong}).status_code == 422, wrong
    said = person.ask("sitter", {"mark": {"x": 50, "y": 40, "size": 25}})["photo"]
    assert (said["faces"], said["face"], said["blocked"]) == ([[37.5, 27.5, 25.0, 25.0]], 0, False)
    for turn in (0, 45, "90", None, True):
        assert person.post("sitter", {"turn": turn}).status_code == 422, turn
    said = person.ask("photo", jpeg(face_photo.transpose(Image.Transpose.ROTATE_90)))["photo"]
    assert (said["turn"], said["blocked"], len(said["faces"])) == (90, True, 1)
    said = person.ask("sitter", {"turn": said["turn"]})["photo"]
    assert (said["turn"], said["blocked"], said["faces"]) == (0, False, [])
    with Image.open(io.BytesIO(person.http.get("/study/small/photo.jpg").content)) as shown:
        assert difference(shown.resize((64, 64)), face_photo.resize((64, 64))) < 8
    newer = Person(studio, "marks", tab="c" * 32)
    newer.ask("enter", {})
    assert person.post("sitter", {"turn": 90}).status_code == 409, "an older tab turns nothing"
    newer.ask("portraits")
    refused = newer.post("sitter", {"turn": 90})
    assert (refused.status_code, refused.json()["code"]) == (422, "engine-busy"), "the photo stays as it is meanwhile"
    newer.ask("portraits", {"stop": True})


def test_a_marked_face_makes_portraits(studio: Studio, face_photo: Image.Image) -> None:
    """Of a photo in which nobody would be found."""
    person = Person(studio, "by-hand")
    person.agree()
    person.answer()
    person.ask("photo", jpeg(face_photo.resize((96, 96)).resize((900, 900)).filter(ImageFilter.GaussianBlur(24))))
    person.ask("sitter", {"mark": {"x": 44, "y": 24, "size": 26}})
    person.ask("portraits")
    deadline = time.monotonic() + 120
    while person.screen["task"] in ("photo", "portraits"):
        assert time.monotonic() < deadline
        assert not person.screen.get("said"), person.screen["said"]
        time.sleep(0.2)
        person.screen = person.http.get("/study/small/progress", headers={TAB_HEADER: person.tab}).json()
    assert person.screen["task"] == "ratings"


@pytest.mark.slow
def test_a_whole_picture_has_all_its_pixels_and_no_words(face_photo: Image.Image) -> None:
    large = face_photo.resize((1600, 1600))
    buffer = io.BytesIO()
    large.save(buffer, "PNG", pnginfo=named("style", "oil-master"))
    for whole, side in ((False, 1024), (True, 1600)):
        data = pixels(buffer.getvalue(), whole=whole)
        assert b"oil-master" not in data
        with Image.open(io.BytesIO(data)) as shown:
            assert shown.size == (side, side)


def named(key: str, words: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text(key, words)
    return info

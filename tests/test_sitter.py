"""Who sits for the portrait: certainty before size, the way up, marks by hand, hints of the chosen face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from PIL import Image

from pipelines.errors import PhotoError, PortraitError, RequestInvalid
from pipelines.photo import hints as photo_hints
from pipelines.photo import vision
from pipelines.photo.face_finder import MAX_FACES
from pipelines.photo.hints import API, PAGE, SHELL, Ways, hints, require
from pipelines.photo.opening import faceless, marked, open_photo, prepare, turned
from pipelines.photo.sitter import seat
from pipelines.schema import Face, LoadedPhoto
from tests.conftest import difference
from tests.support.drawings import crowd, drawn_face, person, side_by_side
from tests.support.searches import search
from tests.support.sweeps import sweep

PLACES = pytest.mark.parametrize("ways", [PAGE, SHELL, API], ids=["page", "shell", "api"])
COSTLY = search(25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def drawing() -> LoadedPhoto:
    return open_photo(drawn_face(500))


@pytest.fixture(scope="module")
def pair(face_photo: Image.Image) -> LoadedPhoto:
    """Two people: one in good light, one in the dark."""
    dark = person(face_photo, 150).point(lambda value: value // 6)
    return open_photo(side_by_side(person(face_photo, 200), dark))


def kinds(photo: LoadedPhoto, face_index: int | None = None, ways: Ways = PAGE) -> list[str]:
    return [hint.kind for hint in hints(photo, face_index, ways)]


def blocking(photo: LoadedPhoto, face_index: int | None = None, ways: Ways = PAGE) -> list[str]:
    return [hint.kind for hint in hints(photo, face_index, ways) if hint.blocking]


# --- certainty before size ---


faces_of_any_kind = st.builds(
    lambda left, top, side, certainty: Face(box=(left, top, left + side, top + side), score=0.7, certainty=certainty),
    st.floats(0, 900),
    st.floats(0, 900),
    st.floats(20, 900),
    st.sampled_from(["sure", "likely", "doubtful"]),
)


@given(faces=st.lists(faces_of_any_kind, max_size=8))
def test_no_doubtful_face_stands_before_a_person_and_none_is_lost(faces: list[Face]) -> None:
    ordered = vision.surest_first(faces)
    assert sorted(map(id, ordered)) == sorted(map(id, faces))
    doubts = [face.certainty == "doubtful" for face in ordered]
    assert doubts == sorted(doubts)
    widths = [
        face.box[2] - face.box[0] for face in ordered if face.certainty == "sure" and not vision.is_too_small(face)
    ]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("width", sweep([500, 700, 1100], 1))
def test_a_person_stands_before_a_larger_drawing(face_photo: Image.Image, width: int) -> None:
    photo = open_photo(side_by_side(drawn_face(width), person(face_photo, 400)))
    first = photo.faces[0]
    assert first.certainty == "sure"
    assert first.box[0] > 0.5 * photo.image.width, "the drawing is on the left"


@pytest.mark.parametrize(("unsure", "sure"), [(0.69, 0.95), (0.75, 0.95)])
def test_the_sure_box_comes_first(monkeypatch: pytest.MonkeyPatch, unsure: float, sure: float) -> None:
    """A large box of which the detector is not sure was taken for the visitor."""
    large = Face(box=(10, 100, 498, 588), score=unsure)
    small = Face(box=(600, 100, 995, 495), score=sure)
    monkeypatch.setattr(vision, "_boxes", lambda rgb: iter([large, small]))
    grain = np.random.default_rng(0).integers(0, 255, (700, 1000, 3), np.uint8)
    assert vision.detect_faces(grain)[0].box == small.box


@PLACES
def test_a_lone_box_that_may_be_no_face_is_asked_about(drawing: LoadedPhoto, ways: Ways) -> None:
    assert blocking(drawing, None, ways) == ["doubtful-face"]
    with pytest.raises(PhotoError, match="Is this a face") as refused:
        require(drawing, None, ways)
    assert ways.yes in refused.value.hint
    assert not blocking(drawing, 0, ways), "the visitor said that it is one"


def test_a_lone_box_without_a_mesh_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vision, "_boxes", lambda rgb: iter([Face(box=(100, 100, 400, 400), score=0.75)]))
    photo = open_photo(Image.effect_noise((600, 600), 90).convert("RGB"))
    assert blocking(photo) == ["doubtful-face"]
    assert "unmeasured" in kinds(photo, 0)


@pytest.mark.slow
def test_people_of_the_shared_portraits_are_not_asked_whether_they_are_faces(portraits_dir: Path) -> None:
    files = sorted(portraits_dir.glob("*.jpg"))[::5]
    asked = [path.stem for path in files if "doubtful-face" in kinds(open_photo(path))]
    assert len(asked) <= 1, asked


# --- hints of the chosen face ---


def test_hints_are_those_of_the_chosen_face(pair: LoadedPhoto) -> None:
    light, dark = sorted(range(2), key=lambda index: pair.faces[index].box[0])
    assert "too-dark" not in kinds(pair, light)
    assert "too-dark" in kinds(pair, dark)
    assert kinds(pair) == ["several-faces"], "nothing is said of anybody before it is clear who is meant"


def test_a_tiny_face_is_refused_and_blocks_nobody_else(face_photo: Image.Image) -> None:
    photo = open_photo(side_by_side(person(face_photo, 300), person(face_photo, 40)))
    tiny = Face(box=(900, 700, 940, 740), score=0.95)
    photo = photo.model_copy(update={"faces": (tiny, photo.faces[0])})
    for ways in (PAGE, SHELL, API):
        assert blocking(photo, 0, ways) == ["too-small"]
        assert not blocking(photo, 1, ways)
        with pytest.raises(PhotoError, match="small"):
            seat(photo, ways, face=1)
        assert seat(photo, ways, face=2).face_index == 1


def test_somebody_far_behind_is_found_beside_somebody_near(face_photo: Image.Image) -> None:
    photo = open_photo(side_by_side(person(face_photo, 300), person(face_photo, 60)))
    assert len(photo.faces) == 2


def test_a_tiny_face_is_nobodys_first_choice() -> None:
    tiny = Face(box=(0, 0, 40, 40), score=0.95)
    large = Face(box=(100, 0, 300, 200), score=0.75, certainty="likely")
    assert vision.surest_first([tiny, large]) == [large, tiny]


@COSTLY
@given(data=st.data())
def test_what_blocks_comes_first_and_is_what_refuses(
    pair: LoadedPhoto, drawing: LoadedPhoto, loaded: LoadedPhoto, data: st.DataObject
) -> None:
    photo = data.draw(st.sampled_from([pair, drawing, loaded, faceless(pair)]))
    index = data.draw(st.one_of(st.none(), st.integers(0, len(photo.faces) - 1))) if photo.faces else None
    ways = data.draw(st.sampled_from([PAGE, SHELL, API]))
    told = hints(photo, index, ways)
    assert [hint.blocking for hint in told] == sorted((hint.blocking for hint in told), reverse=True)
    assert all(hint.sentence.endswith((".", "?")) for hint in told)
    if told and told[0].blocking:
        with pytest.raises(PhotoError) as refused:
            require(photo, index, ways)
        assert refused.value.hint == told[0].sentence
    else:
        assert require(photo, index, ways) == told
    if ways is SHELL:
        assert not any("lick" in hint.sentence for hint in told)


def test_page_shell_and_api_tell_the_same_kinds_of_a_chosen_face(pair: LoadedPhoto) -> None:
    for index in range(2):
        assert kinds(pair, index, PAGE) == kinds(pair, index, SHELL) == kinds(pair, index, API)


# --- the way up ---


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_photo_that_lies_says_how_to_turn_it(face_photo: Image.Image, loaded: LoadedPhoto, degrees: int) -> None:
    lying = turned(loaded, degrees)
    assert lying.turn == 360 - degrees
    assert blocking(lying) == ["not-upright"]
    with pytest.raises(PhotoError, match=f"--turn {360 - degrees}"):
        seat(lying, SHELL)
    with pytest.raises(PhotoError, match=f"turn={360 - degrees}"):
        seat(lying, API)
    upright = seat(lying, SHELL, turn=360 - degrees)
    assert difference(upright.photo.image, face_photo) == 0
    assert upright.photo.turn == 0
    if lying.faces:
        told = hints(lying, 0)
        assert "not-upright" in [hint.kind for hint in told]
        assert not any(hint.blocking for hint in told), "whoever hangs head down may say so"


@pytest.mark.slow
def test_upright_portraits_are_not_to_be_turned_and_others_are(portraits_dir: Path) -> None:
    files = sorted(portraits_dir.glob("*.jpg"))[3::9]
    for path in files:
        photo = open_photo(path)
        assert photo.turn == 0, path.stem
        assert turned(photo, 180).turn == 180, path.stem


@pytest.mark.parametrize("degrees", [0, 45, 360, -90, 90.5, "90", True, None])
def test_only_quarter_turns(loaded: LoadedPhoto, degrees: object) -> None:
    with pytest.raises(RequestInvalid, match="90, 180 or 270"):
        turned(loaded, degrees)


# --- marked by hand ---


@COSTLY
@given(x=st.floats(0, 100), y=st.floats(0, 100), size=st.floats(1, 100), again=st.booleans())
def test_a_mark_is_a_face_that_can_be_cut(pair: LoadedPhoto, x: float, y: float, size: float, again: bool) -> None:
    photo = marked(pair, x, y, size)
    photo = marked(photo, 50, 50, 10) if again else photo
    marks = [face for face in photo.faces if face.certainty == "marked"]
    assert marks == [photo.faces[-1]], "one mark, the newest, in the last place"
    assert prepare(photo, len(photo.faces) - 1, 64).image.size == (64, 64)


@given(
    place=st.tuples(*[st.one_of(st.floats(max_value=-0.01), st.floats(min_value=100.01), st.just(float("nan")))] * 3)
)
@search(30)
def test_a_mark_outside_of_the_photo_is_refused(loaded: LoadedPhoto, place: tuple[float, float, float]) -> None:
    for index in range(3):
        values = [50.0, 50.0, 20.0]
        values[index] = place[index]
        with pytest.raises(RequestInvalid, match="Mark your face"):
            marked(loaded, *values)


def test_a_marked_face_is_measured_where_a_mesh_fits_and_says_so_where_none_does(face_photo: Image.Image) -> None:
    tilted = face_photo.crop((100, 20, 360, 280)).resize((780, 780)).rotate(50, fillcolor=(120, 120, 120))
    nobody = faceless(open_photo(tilted))
    x, y = _face_of(tilted)
    photo = marked(nobody, 100 * x / 780, 100 * y / 780, 40)
    assert "unmeasured" not in kinds(photo, 0)
    face = prepare(photo, 0, 256).face
    assert face is not None
    assert face.landmarks is not None
    photo = marked(nobody, 12, 88, 20)
    assert "unmeasured" in kinds(photo, 0)
    face = prepare(photo, 0, 256).face
    assert face is not None
    assert face.landmarks is None


def _face_of(image: Image.Image) -> tuple[float, float]:
    """Middle of the astronaut's face in the turned picture."""
    x, y = (225 - 100 - 130) * 3, (130 - 20 - 130) * 3
    angle = np.radians(-50)
    turned_x, turned_y = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    return image.width / 2 + turned_x, image.height / 2 + turned_y


def test_a_mark_takes_the_place_of_the_face_that_was_found_there(loaded: LoadedPhoto) -> None:
    left, top, right, bottom = loaded.faces[0].box
    photo = marked(loaded, (left + right) / 10.24, (top + bottom) / 10.24, 20)
    assert [face.certainty for face in photo.faces] == ["marked"]
    assert "unmeasured" not in kinds(photo, 0)


# --- many ---


def test_every_face_of_a_group_has_a_number(face_photo: Image.Image) -> None:
    photo = open_photo(crowd(face_photo, 17, 6))
    assert len(photo.faces) == 17
    assert "There are 17 faces" in hints(photo)[0].sentence


@pytest.mark.slow
def test_faces_without_a_number_are_counted(face_photo: Image.Image) -> None:
    photo = open_photo(crowd(face_photo, 54, 9))
    assert len(photo.faces) == MAX_FACES
    count = MAX_FACES + photo.left_out
    assert 50 <= count <= 54
    assert f"There are {count} faces; the {MAX_FACES} surest have a number." in hints(photo)[0].sentence


# --- as the shell and programs say it ---


@COSTLY
@given(
    face=st.one_of(st.none(), st.integers(-3, 5), st.sampled_from([1.5, "1", True, float("nan")])),
    turn=st.sampled_from([0, 90, 180, 270, 45, -90, 2.5, "90", None]),
    mark=st.sampled_from(["", " ", "50,40,20", "50, 40, 20", "1,2", "a,b,c", "nan,1,2", "50,40,500"]),
)
def test_any_answer_is_a_sitting_or_one_sentence(pair: LoadedPhoto, face: object, turn: object, mark: str) -> None:
    refusal = ""
    try:
        sitting = seat(pair, API, face=face, turn=turn, mark=mark)
    except PortraitError as error:
        refusal = error.hint
    if refusal:
        assert refusal.endswith(".")
        assert len(refusal) < 400
        return
    assert not any(hint.blocking for hint in sitting.hints)
    assert sitting.face_index is None or sitting.face_index < len(sitting.photo.faces)
    assert face != 0 or not sitting.photo.faces


def test_of_several_the_first_is_taken_and_said_so(pair: LoadedPhoto) -> None:
    sitting = seat(pair, SHELL)
    assert "--face 2" in sitting.hints[0].sentence
    assert photo_hints.hints(pair, 0, SHELL)[0:] == tuple(h for h in sitting.hints if h.kind != "several-faces")


def test_whoever_goes_on_without_a_face_is_let(drawing: LoadedPhoto) -> None:
    nobody = open_photo(Image.radial_gradient("L").resize((400, 400)).convert("RGB"))
    for photo in (drawing, nobody):
        with pytest.raises(PhotoError, match="--face 0"):
            seat(photo, SHELL)
        assert seat(photo, SHELL, face=0).photo.faces == ()

"""A portrait's place among strangers: the real network where it is installed, a toy for all that is around it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import heavy
from pipelines import strangers as command
from pipelines.engines.filters.engine import FilterEngine
from pipelines.errors import EngineUnavailable, SettingsError
from pipelines.faithfulness import identity
from pipelines.faithfulness.identity import NUMBERS, FaceNetwork, IdentityMeter, Strangers
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.results import Faithfulness, IdentityRank, without_identity
from pipelines.schema import Consent, LoadedPhoto, PreparedPhoto
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.toy_faces import ToyFaces, noise

needs_dlib = pytest.mark.skipif(bool(FaceNetwork.why_not()), reason="requirements-identity.txt is not installed")
NOTHING = Faithfulness(sentence="Measured.")


@pytest.fixture(scope="module")
def network() -> FaceNetwork:
    return FaceNetwork()


@pytest.fixture
def painted(prepared: PreparedPhoto, presets: Presets) -> Image.Image:
    return FilterEngine().render(prepared, presets.style("golden-hour"), presets.scene("none"))


def around(person: np.ndarray, distance: float, people: int = 100) -> Strangers:
    """People who do not exist, all as far from a person as real strangers are."""
    away = np.random.default_rng(3).normal(size=(people, NUMBERS))
    return Strangers(person + distance * away / np.linalg.norm(away, axis=1, keepdims=True))


# --- the real network -------------------------------------------------------------------------------------------------


@needs_dlib
def test_a_portrait_is_closer_to_its_photo_than_to_strangers(
    network: FaceNetwork, prepared: PreparedPhoto, painted: Image.Image
) -> None:
    assert prepared.face is not None
    assert prepared.face.landmarks is not None
    person = network.describe(np.asarray(prepared.image), prepared.face.landmarks)
    meter = IdentityMeter(around(person, 0.6), network)
    rank = meter.added_to(NOTHING, prepared, painted, "golden-hour").identity
    assert rank is not None
    assert rank.of == 100
    assert rank.closer_than >= 95
    mirrored = IdentityMeter(Strangers(np.tile(person, (30, 1))), network)
    same = mirrored.added_to(NOTHING, prepared, painted, None).identity
    assert same is not None
    assert same.closer_than == 0, "thirty twins are no farther away"


@needs_dlib
def test_the_face_is_laid_as_the_network_was_taught(network: FaceNetwork, prepared: PreparedPhoto) -> None:
    """Beside dlib's own detector and five points: less far than half of the 0.6 from which dlib says another person."""
    dlib = heavy.load("dlib")
    rgb = np.ascontiguousarray(np.asarray(prepared.image))
    models = resources.files("face_recognition_models") / "models"
    (face, *_) = dlib.get_frontal_face_detector()(rgb, 1)
    points = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))(rgb, face)
    theirs = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))
    chip = dlib.get_face_chip(rgb, points, size=150, padding=0.25)
    assert prepared.face is not None
    assert prepared.face.landmarks is not None
    own = network.describe(rgb, prepared.face.landmarks)
    assert np.linalg.norm(own - np.asarray(theirs.compute_face_descriptor(chip))) < 0.3


@needs_dlib
def test_the_file_that_is_not_free_is_never_opened(prepared: PreparedPhoto, monkeypatch: pytest.MonkeyPatch) -> None:
    dlib, opened = heavy.load("dlib"), []
    real = dlib.face_recognition_model_v1
    monkeypatch.setattr(dlib, "face_recognition_model_v1", lambda path: opened.append(path) or real(path))
    monkeypatch.setattr(dlib, "shape_predictor", lambda path: pytest.fail(path))
    assert prepared.face is not None
    assert prepared.face.landmarks is not None
    FaceNetwork().describe(np.asarray(prepared.image), prepared.face.landmarks)
    assert [Path(path).name for path in opened] == ["dlib_face_recognition_resnet_model_v1.dat"]


# --- places among strangers -------------------------------------------------------------------------------------------


def test_what_cannot_be_measured_says_so_and_costs_nothing(prepared: PreparedPhoto) -> None:
    class Broken(ToyFaces):
        def describe(self, rgb: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
            raise EngineUnavailable("The network is damaged.")

    grey = Image.new("RGB", prepared.image.size, (128, 128, 128))
    (reason,) = IdentityMeter(noise(), ToyFaces()).added_to(NOTHING, prepared, grey, None).unmeasured
    assert "too abstract" in reason
    broken = IdentityMeter(noise(), Broken()).added_to(NOTHING, prepared, prepared.image, None)
    assert broken.identity is None
    assert "could not be measured" in broken.unmeasured[0]
    faceless = prepared.model_copy(update={"face": None})
    assert IdentityMeter(noise(), ToyFaces()).added_to(NOTHING, faceless, prepared.image, None) == NOTHING


def test_the_photo_itself_is_closest_and_the_style_says_what_is_usual(prepared: PreparedPhoto) -> None:
    meter = IdentityMeter(noise(), ToyFaces())
    rank = meter.added_to(NOTHING, prepared, prepared.image, "film-noir").identity
    assert rank == IdentityRank(closer_than=40, of=40, usual=(20, 40))
    own = meter.added_to(NOTHING, prepared, prepared.image.resize((256, 256)), None).identity
    assert own is not None
    assert own.usual is None
    assert str(identity.words(rank)) == (
        "By a face-recognition network this picture is closer to your photo than to 40 of 40 other people. "
        "Usual in this style: 20 to 40."
    )
    assert str(identity.words(IdentityRank(closer_than=3, of=40, usual=(40, 40)))).endswith("Usual in this style: 40.")


def test_nobody_is_among_their_own_strangers() -> None:
    everyone = noise(30)
    assert everyone.farther(everyone.descriptors[4], everyone.descriptors[4]).sum() == 29
    assert everyone.farther(everyone.descriptors[4], everyone.descriptors[4], without=4).all()


# --- only with the tick -----------------------------------------------------------------------------------------------


@pytest.fixture
def studio(presets: Presets, tmp_path: Path, small_pictures: None) -> Iterator[SelfPortraitPipeline]:
    pipeline = SelfPortraitPipeline(presets, tmp_path, identity=IdentityMeter(noise(), ToyFaces()))
    yield pipeline
    pipeline.close()


def test_without_the_tick_no_face_is_described(
    studio: SelfPortraitPipeline, loaded: LoadedPhoto, consent: Consent
) -> None:
    wanted = {"photo": loaded, "style_id": "film-noir", "seeds": (7,), "model_id": "preview"}
    (plain,) = studio(build_request(**wanted, consent=consent)).portraits
    toy = studio.identity._describer
    assert plain.faithfulness.identity is None
    assert toy.asked == 0
    ticked = consent.model_copy(update={"purposes": ("portraits", "identity")})
    (placed,) = studio(build_request(**wanted, consent=ticked)).portraits
    assert placed.faithfulness.identity.of == 40
    assert toy.asked == 2, "the photo's face and the portrait's"
    assert without_identity(placed).faithfulness == plain.faithfulness
    for word in (b"dentity", b"closer", b"network"):
        assert word not in placed.path.read_bytes(), "the file says nothing of it"


# --- the operator's file ----------------------------------------------------------------------------------------------


def test_the_file_comes_back_and_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "strangers.npz"
    noise().write(path)
    again = Strangers.read(path)
    assert np.allclose(again.descriptors, noise().descriptors, atol=1e-6)
    assert again.usual == {"film-noir": (0.5, 1.0)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def _pickled(path: Path) -> None:
    np.savez(path, descriptors=np.array([{}], object), styles=np.array([], np.str_), usual=np.zeros((0, 2)))


def _infinite(path: Path) -> None:
    Strangers(np.full((30, NUMBERS), np.inf)).write(path)


@pytest.mark.parametrize(
    "spoil",
    [
        _pickled,
        _infinite,
        lambda path: path.write_bytes(b"no such file"),
        lambda path: Strangers(np.zeros((30, 3))).write(path),
        lambda path: Strangers(np.zeros((30, NUMBERS)), {"comic": (0.5, 7.0)}).write(path),
    ],
)
def test_a_file_that_is_none_stops_the_start(spoil, tmp_path: Path) -> None:
    path = tmp_path / "strangers.npz"
    with pytest.raises(SettingsError, match="STUDIO_IDENTITY"):
        Strangers.read(path)
    spoil(path)
    with pytest.raises(SettingsError, match="STUDIO_IDENTITY"):
        Strangers.read(path)


def test_too_few_strangers_say_nothing(tmp_path: Path) -> None:
    noise(19).write(tmp_path / "few.npz")
    with pytest.raises(SettingsError, match="holds 19 people"):
        Strangers.read(tmp_path / "few.npz")


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_describes_each_and_finds_what_is_usual(
    prepared: PreparedPhoto, presets: Presets, capsys: pytest.CaptureFixture[str]
) -> None:
    small = [
        prepared.model_copy(update={"image": prepared.image.point(lambda v, k=k: v * (10 - k) // 10)}) for k in range(3)
    ]
    toy = ToyFaces()
    found = command.gather(small, toy)
    assert found.descriptors.shape == (3, NUMBERS)
    styles = [presets.style("golden-hour"), presets.style("own-picture")]
    usual = command.usual_places(found, small, styles, presets.scene("none"), 1, toy)
    assert set(usual) == {"golden-hour"}
    low, high = usual["golden-hour"]
    assert 0 <= low <= high <= 1
    assert "golden-hour" in capsys.readouterr().out


def test_the_command_wants_enough_people(
    face_photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FaceNetwork, "why_not", staticmethod(lambda: ""))
    photos = tmp_path / "photos"
    photos.mkdir()
    face_photo.save(photos / "one.png")
    Image.new("RGB", (256, 256)).save(photos / "none.png")
    assert command.main([str(photos), str(tmp_path / "out.npz")]) == 1
    said = capsys.readouterr().err
    assert "none.png left out" in said
    assert "There are 1 readable faces" in said
    assert command.main([str(tmp_path / "nowhere"), str(tmp_path / "out.npz")]) == 1
    assert not (tmp_path / "out.npz").exists()
    monkeypatch.setattr(FaceNetwork, "why_not", staticmethod(lambda: "dlib is missing."))
    assert command.main([str(photos), str(tmp_path / "out.npz")]) == 1
    assert "dlib is missing" in capsys.readouterr().err

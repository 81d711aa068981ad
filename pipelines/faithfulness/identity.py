"""How much a portrait is this person and nobody else, as a place among strangers. Only where a visitor asks for it.

A face-recognition network makes 128 numbers of a face; those of one person lie near each other. The portrait's are
compared with the photo's and with those of strangers, and what is told is of how many strangers it is farther from than
from the photo: a distance alone says nothing, since every painted face lies farther from all photographs.

The network is dlib's ResNet (github.com/davisking/dlib-models, CC0; LFW 0.9938), from two optional packages
(requirements-identity.txt). The face is laid straight by five points of our own face mesh, where dlib's model of five
points puts them; its model of 68 points, which is not free for commercial use, is never opened.

The 128 numbers are biometric data. They are never written down nor told: they end with the function that made them.
What is known of the network and of this figure, and how strangers come into a studio: docs/identity.md.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from importlib import resources, util
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from languages.saying import say
from pipelines import heavy
from pipelines.errors import EngineUnavailable, SettingsError
from pipelines.faithfulness.meter import find_face
from pipelines.results import Faithfulness, IdentityRank
from pipelines.schema import PreparedPhoto

log = logging.getLogger(__name__)

LEAST_STRANGERS = 20  # with fewer, one of them is more than 5 in 100
NUMBERS = 128
PACKAGES = ("dlib", "face_recognition_models")

# MediaPipe's points where dlib's five-point model has its own: outer and inner corner of the eye on the right of the
# picture, of the one on its left, and where nose and lip meet.
_FIVE = (263, 362, 33, 133, 2)
_CHIP, _PADDING = 150, 0.25  # as the network was taught
_MOST_BYTES = 64_000_000
_TOO_ABSTRACT = say("The face is too abstract in this picture to be told from those of others.")
_FAILED = say("How close this picture is to your photo could not be measured.")


class Describer(Protocol):
    """Makes NUMBERS numbers of a face, near each other for one person."""

    def describe(self, rgb: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(NUMBERS,) float64 of an (H, W, 3) uint8 picture with the (478, 2) landmarks of a face, in pixels.

        Raises:
            EngineUnavailable: The network is not here, or is damaged.
        """
        ...


class FaceNetwork:
    """dlib's network. Loads at the first face; one face at a time, for many threads."""

    def __init__(self) -> None:
        self._network: Any = None
        self._lock = threading.Lock()

    @staticmethod
    def why_not() -> str:
        """Why it cannot work here, for the operator; "" where it can. Loads nothing."""
        missing = [name for name in PACKAGES if util.find_spec(name) is None]
        return f"{' and '.join(missing)} are missing: pip install -r requirements-identity.txt." if missing else ""

    def describe(self, rgb: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """See Describer."""
        dlib = heavy.load("dlib")
        points = dlib.points([dlib.point(*(round(float(v)) for v in landmarks[index])) for index in _FIVE])
        (left, top), (right, bottom) = (np.round(edge(landmarks, axis=0)).astype(int) for edge in (np.min, np.max))
        face = dlib.full_object_detection(dlib.rectangle(int(left), int(top), int(right), int(bottom)), points)
        with self._lock:
            if self._network is None:
                self._network = self._load(dlib)
            chip = dlib.get_face_chip(np.ascontiguousarray(rgb), face, size=_CHIP, padding=_PADDING)
            return np.asarray(self._network.compute_face_descriptor(chip), np.float64)

    @staticmethod
    def _load(dlib: Any) -> Any:
        try:
            weights = resources.files("face_recognition_models") / "models/dlib_face_recognition_resnet_model_v1.dat"
            return dlib.face_recognition_model_v1(str(weights))
        except Exception as error:  # dlib raises RuntimeError for a damaged file
            raise EngineUnavailable(
                _FAILED, detail=repr(error)[:400], cure="Install requirements-identity.txt again."
            ) from error


@dataclass(frozen=True)
class Strangers:
    """People whom a portrait is compared with, as the operator's file holds them.

    Attributes:
        descriptors: (N, NUMBERS), of photographs.
        usual: By style, between which shares of the strangers half of the portraits of these very people came to lie,
            painted by the instant filters: how much of a face a style leaves.
    """

    descriptors: np.ndarray
    usual: dict[str, tuple[float, float]] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write them to a file (.npz) that only its owner can read: it is data about people."""
        path.touch(mode=0o600)
        path.chmod(0o600)
        with path.open("wb") as file:
            np.savez(
                file,
                descriptors=self.descriptors.astype(np.float32),
                styles=np.array(list(self.usual), np.str_),
                usual=np.array(list(self.usual.values()), np.float32).reshape(-1, 2),
            )

    @classmethod
    def read(cls, path: Path) -> Strangers:
        """A file that `write` has written.

        Raises:
            SettingsError: It is not there, or is no such file; names the setting.
        """
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ValueError("too large")
            with np.load(path, allow_pickle=False) as file:
                descriptors, styles, usual = (file[name] for name in ("descriptors", "styles", "usual"))
            if descriptors.ndim != 2 or descriptors.shape[1] != NUMBERS or not np.isfinite(descriptors).all():
                raise ValueError(f"descriptors of shape {descriptors.shape}")
            if usual.shape != (len(styles), 2) or not ((usual >= 0) & (usual <= 1)).all():
                raise ValueError("usual places are no shares")
        except Exception as error:  # numpy raises anything for a file that is not its own
            raise SettingsError(
                "STUDIO_IDENTITY must be a file that python -m pipelines.strangers has written; this one cannot be "
                "read. Make it anew, or leave the setting out.",
                detail=repr(error)[:400],
            ) from error
        if len(descriptors) < LEAST_STRANGERS:
            raise SettingsError(
                f"The file of STUDIO_IDENTITY holds {len(descriptors)} people; make it anew, from {LEAST_STRANGERS} or "
                "more."
            )
        pairs = zip(styles, usual, strict=True)
        return cls(descriptors.astype(np.float64), {str(one): (float(low), float(high)) for one, (low, high) in pairs})

    def farther(self, portrait: np.ndarray, person: np.ndarray, *, without: int | None = None) -> np.ndarray:
        """Of which strangers a portrait is farther than from the person: (N,) bool, or (N - 1,) without one of them."""
        others = self.descriptors if without is None else np.delete(self.descriptors, without, axis=0)
        farther: np.ndarray = np.linalg.norm(others - portrait, axis=1) > np.linalg.norm(person - portrait)
        return farther


class IdentityMeter:
    """Places portraits among strangers. Keeps nothing of those who ask.

    Args:
        strangers: Whom they are compared with.
        describer: Makes numbers of faces; left out, dlib's network.
    """

    def __init__(self, strangers: Strangers, describer: Describer | None = None) -> None:
        self.strangers = strangers
        self._describer = describer or FaceNetwork()

    def added_to(
        self, kept: Faithfulness, photo: PreparedPhoto, portrait: Image.Image, style_id: str | None
    ) -> Faithfulness:
        """The same measures, with the place among strangers, or with the reason why there is none. Never raises.

        Args:
            kept: What was measured of this portrait.
            photo: The crop that it was made from.
            portrait: RGB.
            style_id: Of the preset that it was painted in; None for a style of the visitor's own.
        """
        if photo.face is None or photo.face.landmarks is None:
            return kept  # which says already that there is no face to compare with
        try:
            rank = self._rank(photo, portrait, style_id)
        except Exception as error:  # a number less must not cost the visitor the portrait
            log.error("identity was not measured: %s", type(error).__name__)
            return kept.model_copy(update={"unmeasured": (*kept.unmeasured, _FAILED)})
        if rank is None:
            return kept.model_copy(update={"unmeasured": (*kept.unmeasured, _TOO_ABSTRACT)})
        return kept.model_copy(update={"identity": rank})

    def _rank(self, photo: PreparedPhoto, portrait: Image.Image, style_id: str | None) -> IdentityRank | None:
        assert photo.face is not None
        assert photo.face.landmarks is not None
        drawn = described(self._describer, portrait, _box_in(photo, portrait))
        if drawn is None:
            return None
        person = self._describer.describe(np.asarray(photo.image.convert("RGB")), photo.face.landmarks)
        farther = self.strangers.farther(drawn, person)
        usual = self.strangers.usual.get(style_id or "")
        return IdentityRank(
            closer_than=int(farther.sum()),
            of=len(farther),
            usual=None if usual is None else (round(usual[0] * len(farther)), round(usual[1] * len(farther))),
        )


def described(describer: Describer, picture: Image.Image, box: tuple[float, float, float, float]) -> np.ndarray | None:
    """The numbers of the face in a picture; None where none can be read.

    Args:
        box: Where it should be, in pixels: left, top, right, bottom.

    Raises:
        EngineUnavailable: See Describer.
    """
    rgb = np.asarray(picture.convert("RGB"))
    points = find_face(rgb, box)
    return None if points is None else describer.describe(rgb, points)


def _box_in(photo: PreparedPhoto, portrait: Image.Image) -> tuple[float, float, float, float]:
    assert photo.face is not None
    left, top, right, bottom = photo.face.box
    across, down = portrait.width / photo.image.width, portrait.height / photo.image.height
    return left * across, top * down, right * across, bottom * down


def words(rank: IdentityRank) -> str:
    """What a visitor reads of a place among strangers."""
    place = say(
        "By a face-recognition network this picture is closer to your photo than to {count} of {of} other people.",
        count=rank.closer_than,
        of=rank.of,
    )
    if rank.usual is None:
        return place
    low, high = rank.usual
    if low == high:
        return say("{place} Usual in this style: {low}.", place=place, low=low)
    return say("{place} Usual in this style: {low} to {high}.", place=place, low=low, high=high)

"""Photos of which a face was changed: parts moved, skin in another tone, saved again."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image
from skimage.transform import ThinPlateSplineTransform

from pipelines.photo import vision
from pipelines.schema import PreparedPhoto

LEFT_EYE = (33, 160, 159, 158, 133, 153, 145, 144)
RIGHT_EYE = (263, 387, 386, 385, 362, 380, 374, 373)
# Held in place beside what is moved: brows, cheekbones, nose bridge and tip, mouth, forehead.
STILL = (70, 105, 107, 336, 334, 300, 234, 454, 6, 4, 61, 291, 10, 50, 280, 0, 17)
NOSE = (129, 64, 98, 327, 294, 358)
JAWLINE = (132, 58, 172, 136, 150, 149, 176, 148, 377, 400, 378, 379, 365, 397, 288, 361)


def moved(photo: PreparedPhoto, points: dict[int, np.ndarray]) -> Image.Image:
    """The photo with landmarks carried to other places, smoothly between them and still at the frame."""
    size = photo.image.width
    landmarks = points_of(photo)
    frame = [(x * size, y * size) for x in (0, 0.25, 0.5, 0.75, 1) for y in (0, 0.25, 0.5, 0.75, 1) if {x, y} & {0, 1}]
    still = [landmarks[index] for index in STILL if index not in points]
    here = np.array([*(landmarks[index] for index in points), *still, *frame])
    there = np.array([*points.values(), *still, *frame])
    spline = ThinPlateSplineTransform.from_estimate(there, here)
    # So smooth that every eighth pixel tells the others.
    coarse = np.linspace(0, size - 1, size // 8 + 1)
    known = spline(np.stack(np.meshgrid(coarse, coarse), axis=2).reshape(-1, 2)).astype(np.float32)
    at = np.arange(size, dtype=np.float32) * ((len(coarse) - 1) / (size - 1))
    across, down = np.meshgrid(at, at)
    x, y = cv2.split(cv2.remap(known.reshape(len(coarse), len(coarse), 2), across, down, cv2.INTER_LINEAR))
    warped = cv2.remap(np.asarray(photo.image), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Image.fromarray(warped)


def points_of(photo: PreparedPhoto) -> np.ndarray:
    assert photo.face is not None
    assert photo.face.landmarks is not None
    return photo.face.landmarks


def eyes_by(photo: PreparedPhoto, factor: float) -> Image.Image:
    landmarks = points_of(photo)
    points: dict[int, np.ndarray] = {}
    for eye in (LEFT_EYE, RIGHT_EYE):
        middle = landmarks[list(eye)].mean(axis=0)
        points |= {index: middle + factor * (landmarks[index] - middle) for index in eye}
    return moved(photo, points)


def sideways_by(photo: PreparedPhoto, indices: tuple[int, ...], factor: float) -> Image.Image:
    landmarks = points_of(photo)
    across = np.array([factor, 1.0])
    middle = landmarks[[10, 152, 4]].mean(axis=0)
    return moved(photo, {index: middle + across * (landmarks[index] - middle) for index in indices})


def lab_by(photo: PreparedPhoto, lightness: float, red: float = 0.0, yellow: float = 0.0) -> Image.Image:
    lab = cv2.cvtColor(np.asarray(photo.image, np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab += np.array((lightness, red, yellow), np.float32)
    rgb = cv2.cvtColor(np.clip(lab, (0, -128, -128), (100, 127, 127)).astype(np.float32), cv2.COLOR_LAB2RGB)
    return Image.fromarray((np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8))


def toned(photo: PreparedPhoto, tone: tuple[float, float, float]) -> PreparedPhoto:
    """The photo with the middle of cheeks and forehead at an L*a*b* tone."""
    mask = np.zeros(photo.image.size[::-1], np.uint8)
    for site in vision.SKIN_SITES:
        cv2.fillConvexPoly(mask, cv2.convexHull(points_of(photo)[list(site)].round().astype(np.int32)), 1)
    for _ in range(3):  # what is clipped at black moves the middle
        lab = cv2.cvtColor(np.asarray(photo.image, np.float32) / 255, cv2.COLOR_RGB2LAB)
        picture = lab_by(photo, *(tone - np.median(lab[mask > 0], axis=0)))
        photo = photo.model_copy(update={"image": picture})
    assert photo.face is not None
    points = vision.face_landmarks(np.asarray(photo.image), photo.face.box)
    return photo.model_copy(update={"face": photo.face.model_copy(update={"landmarks": points})})


def below_nose_by(photo: PreparedPhoto, lightness: float) -> Image.Image:
    """The photo, lighter from the lips down, softly up to the nose."""
    points = points_of(photo)
    rows = np.arange(photo.image.height)[:, None, None]
    share = np.clip((rows - points[2, 1]) / (points[13, 1] - points[2, 1]), 0, 1)
    before, after = (np.asarray(picture, np.float32) for picture in (photo.image, lab_by(photo, lightness)))
    return Image.fromarray(((1 - share) * before + share * after + 0.5).astype(np.uint8))


def saved_again(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return Image.open(buffer).convert("RGB")


def dark_glasses(pixels: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The picture, uint8 or float32 up to 1, with dark glasses before both eyes."""
    worn = pixels.copy()
    tint = np.array((0.03, 0.05, 0.06)) * (255 if pixels.dtype == np.uint8 else 1)
    for eye in (LEFT_EYE, RIGHT_EYE):
        x, y = (int(n) for n in landmarks[list(eye)].mean(axis=0).round())
        cv2.circle(worn, (x, y), round(0.15 * float(np.ptp(landmarks, axis=0).max())), tuple(map(float, tint)), -1)
    return worn

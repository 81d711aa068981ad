"""Eyes, brows, nose and mouth drawn anew from the face mesh, as an animator or a comic artist draws them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, blur, mix, rgb, smoothstep
from pipelines.photo import eyes, vision
from pipelines.recipe import drawn as recipe

# MediaPipe face mesh, corner to corner: outer to inner for eyes and brows, left to right in the picture for lips.
_UPPER = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (263, 466, 388, 387, 386, 385, 384, 398, 362))
_LOWER = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (263, 249, 390, 373, 374, 380, 381, 382, 362))
_IRIS = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
_BROW = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
_LID = ((226, 247, 30, 29, 27, 28, 56, 190, 243), (446, 467, 260, 259, 257, 258, 286, 414, 463))  # above the eye
_UNDER = ((117, 118, 119, 100, 101, 50), (346, 347, 348, 329, 330, 280))
_LIP_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
_LIP_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
_MOUTH_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_MOUTH_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_NOSTRILS = ((98, 97, 2), (2, 326, 327))
_OVERSAMPLE = 4
_SHUT = 0.10  # height over width of an eye that is closed
_OPEN_MOUTH = 0.025  # of the face's height
_HIDDEN = 0.05  # an eye that is seen less is not drawn
_LIPSTICK = 8.0  # a* above the cheeks' at which a mouth of any colour is a mouth


class _Pen:
    """Draws smooth shapes into the picture with soft borders, whatever its size."""

    def __init__(self, canvas: Canvas) -> None:
        assert canvas.landmarks is not None
        self.canvas = canvas
        self.points = canvas.landmarks.astype(np.float32)

    def at(self, indices: Sequence[int]) -> np.ndarray:
        """(n, 2) of these landmarks."""
        return self.points[list(indices)]

    def fill(
        self, outline: np.ndarray, color: np.ndarray, amount: float = 1.0, within: np.ndarray | None = None
    ) -> None:
        """A closed shape. `within`: another outline that cuts it."""
        box, mask = self._mask(outline)
        if within is not None:
            mask = mask * self._mask(within, box)[1]
        self._lay(box, mask * amount, color)

    def line(self, path: np.ndarray, widths: np.ndarray, color: np.ndarray, amount: float = 1.0) -> None:
        """A stroke along (n, 2) points that is widths[i] wide at each: a brush line that swells and tapers."""
        across = np.gradient(path, axis=0)[:, ::-1] * (1, -1)
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
        half = across * widths[:, None] / 2
        self.fill(np.concatenate((path + half, (path - half)[::-1])).astype(np.float32), color, amount)

    def _mask(
        self, outline: np.ndarray, box: tuple[int, int, int, int] | None = None
    ) -> tuple[tuple[int, int, int, int], np.ndarray]:
        """Left, top, right, bottom, and (h, w) float32 coverage."""
        if box is None:
            low, high = np.floor(outline.min(axis=0)).astype(int) - 2, np.ceil(outline.max(axis=0)).astype(int) + 3
            left, top = max(0, low[0]), max(0, low[1])
            box = (left, top, max(left, min(self.canvas.width, high[0])), max(top, min(self.canvas.height, high[1])))
        height, width = box[3] - box[1], box[2] - box[0]
        if height < 1 or width < 1:
            return box, np.zeros((max(0, height), max(0, width)), np.float32)
        large = np.zeros((height * _OVERSAMPLE, width * _OVERSAMPLE), np.uint8)
        corners = (outline - box[:2] + 0.5) * _OVERSAMPLE
        cv2.fillPoly(large, [(corners * 16).round().astype(np.int32)], 255, shift=4)
        return box, cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255

    def _lay(self, box: tuple[int, int, int, int], mask: np.ndarray, color: np.ndarray) -> None:
        left, top, right, bottom = box
        if mask.size:
            patch = self.canvas.image[top:bottom, left:right]
            self.canvas.image[top:bottom, left:right] = mix(patch, color.astype(np.float32), mask[..., None])


def features(canvas: Canvas, step: recipe.Features) -> None:
    """recipe.Features. What glasses, hair or a hand hide is left as it is."""
    if canvas.landmarks is None or len(canvas.landmarks) < 478 or canvas.face_size < 40:
        return
    canvas.image = canvas.image.copy()
    pen = _Pen(canvas)
    ink = rgb(step.color)
    weight = step.weight * canvas.face_size / 220.0
    for side, seen in enumerate(eyes_seen(canvas)):
        if seen > _HIDDEN:
            _brow(canvas, pen, side, step, ink, seen)
            _eye(canvas, pen, side, step, ink, weight, seen)
    if step.blush:
        _blush(canvas, pen, step.blush)
    _nose(canvas, pen, ink, weight)
    _mouth(canvas, pen, step, ink, weight)


def eyes_seen(canvas: Canvas) -> tuple[float, float]:
    """See `pipelines.photo.eyes`; found once a sitting. Needs landmarks."""
    assert canvas.landmarks is not None
    if "eyes seen" not in canvas.found:
        photo = canvas.source if canvas.photo is None else canvas.photo
        canvas.found["eyes seen"] = eyes.eyes_seen(photo, canvas.landmarks)
    seen: tuple[float, float] = canvas.found["eyes seen"]
    return seen


def eyes_drawn(canvas: Canvas) -> tuple[bool, bool]:
    """Which eyes a style draws: those of which there is anything to see. As for `eyes_seen`."""
    first, second = (seen > _HIDDEN for seen in eyes_seen(canvas))
    return first, second


def _lab(color: np.ndarray) -> np.ndarray:
    lab: np.ndarray = cv2.cvtColor(color.astype(np.float32)[None, None], cv2.COLOR_RGB2LAB)[0, 0]
    return lab


def _median(canvas: Canvas, pen: _Pen, indices: Sequence[int], part: tuple[float, float] = (0.3, 0.9)) -> np.ndarray:
    """(3,) middle colour of the source inside the hull of landmarks, of the pixels between two shares of lightness."""
    hull = cv2.convexHull(pen.at(indices))[:, 0]
    (left, top, right, bottom), mask = pen._mask(hull)
    pixels = canvas.source[top:bottom, left:right][mask > 0.5]
    if len(pixels) < 3:
        return (
            canvas.source[canvas.face > 0.9].mean(axis=0) if (canvas.face > 0.9).any() else np.full(3, 0.5, np.float32)
        )
    order = np.argsort(pixels.mean(axis=1))
    kept = order[round(part[0] * len(order)) : max(1, round(part[1] * len(order)))]
    return np.median(pixels[kept if len(kept) else order], axis=0).astype(np.float32)


def _smooth(path: np.ndarray, count: int = 40) -> np.ndarray:
    """(count, 2): a path of few points as a curve through them (cubic, by arc length, then eased)."""
    length = np.concatenate(([0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))))
    at = np.linspace(0, length[-1], count)
    curve = np.stack([np.interp(at, length, path[:, axis]) for axis in (0, 1)], axis=1).astype(np.float32)
    kernel = np.array((1, 2, 3, 2, 1), np.float32) / 9
    padded = np.concatenate((2 * curve[:1] - curve[1:3][::-1], curve, 2 * curve[-1:] - curve[-3:-1][::-1]))
    return np.stack([np.convolve(padded[:, axis], kernel, mode="valid") for axis in (0, 1)], axis=1)


def _taper(count: int, start: float, end: float) -> np.ndarray:
    """(count,) widths: from a share `start` through 1 in the middle to a share `end`."""
    at = np.linspace(0, 1, count)
    return np.where(at < 0.5, start + (1 - start) * np.sin(np.pi * at), end + (1 - end) * np.sin(np.pi * at))


def _eye(
    canvas: Canvas, pen: _Pen, side: int, step: recipe.Features, ink: np.ndarray, weight: float, seen: float
) -> None:
    upper, lower = _smooth(pen.at(_UPPER[side])), _smooth(pen.at(_LOWER[side]))
    width = float(np.linalg.norm(upper[-1] - upper[0]))
    gap = float(np.linalg.norm(upper - lower, axis=1).max())
    shut = gap < _SHUT * width
    axis = (upper[-1] - upper[0]) / max(width, 1e-6)
    up = np.array((axis[1], -axis[0]), np.float32)
    up = -up if up[1] > 0 else up
    if not shut:
        # Opened a little, upwards more than down, which is how drawn eyes differ from photographed ones.
        arch = np.sin(np.pi * np.linspace(0, 1, len(upper)))[:, None]
        upper = upper + up * arch * gap * 0.75 * (step.eyes - 1)
        lower = lower - up * arch * gap * 0.35 * (step.eyes - 1)
        _ball(canvas, pen, side, step, np.concatenate((upper, lower[::-1])), ink, seen)
        pen.line(lower, weight * 0.9 * _taper(len(lower), 0.8, 0.2), ink, 0.75 * seen)
    lash = 2.6 * weight * _taper(len(upper), 0.75, 0.35)
    wing = upper[:1] - axis * width * 0.06 + up * width * 0.03
    pen.line(np.concatenate((wing, upper)), np.concatenate(([0.2 * weight], lash)), ink, seen)
    lid = _smooth(pen.at(_LID[side][1:-1]))
    crease = mix(upper, lid, 0.55)[6:-6]
    pen.line(crease, 0.8 * weight * _taper(len(crease), 0.1, 0.1), ink, 0.5 * seen)


def _ball(
    canvas: Canvas, pen: _Pen, side: int, step: recipe.Features, opening: np.ndarray, ink: np.ndarray, seen: float
) -> None:
    """White, iris, pupil, the lid's shadow and a spot of light, all inside the opening."""
    skin = _median(canvas, pen, _UNDER[side])
    light = min(95.0, 47 + 0.6 * float(_lab(skin)[0]))  # in shade the white of an eye is grey
    white = cv2.cvtColor(np.array([[[light, 1.0, 1.0]]], np.float32), cv2.COLOR_LAB2RGB)[0, 0]
    pen.fill(opening, white, seen)
    ring = pen.at(_IRIS[side])
    middle = ring[0]
    radius = float(np.linalg.norm(ring[1:] - middle, axis=1).mean()) * (1 + 0.5 * (step.eyes - 1))
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    circle = np.stack((np.cos(turn), np.sin(turn)), axis=1).astype(np.float32)
    color = _median(canvas, pen, _IRIS[side][1:], (0.2, 0.75))
    luma = float(color @ (0.3, 0.59, 0.11))
    rich = np.clip(luma + (color - luma) * step.iris, 0, 1)
    rich = rich * np.clip(0.34 / max(0.05, luma), 0.8, 1.7)  # an iris in shade is still drawn with a colour
    pen.fill(middle + circle * radius * 1.06, ink, seen, opening)
    pen.fill(middle + circle * radius * 0.92, np.clip(rich * 0.72, 0, 1), seen, opening)
    pen.fill(
        middle + (0, 0.30 * radius) + circle * (0.62 * radius, 0.5 * radius),
        np.clip(rich * 1.35, 0, 1),
        0.9 * seen,
        opening,
    )
    pen.fill(middle + circle * radius * 0.46, ink * 0.6, seen, opening)
    top = opening[: len(opening) // 2]
    shade = np.concatenate((top, (top + np.array((0, 0.55 * radius)))[::-1])).astype(np.float32)
    pen.fill(shade, ink, 0.30 * seen, opening)
    spot = middle + np.array((canvas.light_side * 0.34, -0.36), np.float32) * radius
    pen.fill(spot + circle * radius * 0.27, np.ones(3, np.float32), seen, opening)


def _brow(canvas: Canvas, pen: _Pen, side: int, step: recipe.Features, ink: np.ndarray, seen: float) -> None:
    """One clean shape in the brow's own colour; faint brows stay faint."""
    outline = pen.at(_BROW[side])
    color = _median(canvas, pen, _BROW[side], (0.05, 0.45))
    skin = _median(canvas, pen, _LID[side])
    contrast = float(np.abs(skin - color).mean())
    upper, lower = _smooth(outline[:5]), _smooth(outline[5:][::-1])
    middle, thick = (upper + lower) / 2, np.linalg.norm(upper - lower, axis=1)
    amount = float(smoothstep(0.02, 0.12, np.asarray(contrast, np.float32))) * seen
    pen.line(middle, 0.62 * thick.mean() * _taper(len(middle), 0.15, 0.75), mix(color, ink, 0.35), amount)


def _blush(canvas: Canvas, pen: _Pen, amount: float) -> None:
    """Round spots on the cheeks, in the skin's own colour turned redder, at its own lightness."""
    spots = np.zeros((canvas.height, canvas.width), np.float32)
    for site in vision.SKIN_SITES[:2]:
        middle = pen.at(site).mean(axis=0)
        cv2.circle(spots, (round(middle[0]), round(middle[1])), round(0.085 * canvas.face_size), 1.0, -1, cv2.LINE_AA)
    spots = blur(spots, 0.03 * canvas.face_size) * canvas.face * (amount * 0.5)
    lab = cv2.cvtColor(canvas.image, cv2.COLOR_RGB2LAB)
    lab[..., 1] += 26 * spots
    lab[..., 2] += 6 * spots
    canvas.image = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)


def _nose(canvas: Canvas, pen: _Pen, ink: np.ndarray, weight: float) -> None:
    for indices in _NOSTRILS:
        path = _smooth(pen.at(indices), 20)
        pen.line(path, 1.3 * weight * _taper(len(path), 0.5, 0.2), ink, 0.6)


def _mouth(canvas: Canvas, pen: _Pen, step: recipe.Features, ink: np.ndarray, weight: float) -> None:
    top, bottom = _smooth(pen.at(_LIP_UPPER)), _smooth(pen.at(_LIP_LOWER))
    above, below = _smooth(pen.at(_MOUTH_UPPER)), _smooth(pen.at(_MOUTH_LOWER))
    lips = _median(canvas, pen, _LIP_LOWER[2:-2], (0.2, 0.7))
    cheek = _median(canvas, pen, vision.SKIN_SITES[0])
    redder = float(_lab(lips)[1] - _lab(cheek)[1])
    if float(np.abs(lips - cheek).sum()) > 1.0 and redder < _LIPSTICK:  # a hand or a microphone
        return
    luma = float(lips @ (0.3, 0.59, 0.11))
    rich = np.clip(luma + (lips - luma) * 1.2, 0, 1)
    pen.fill(np.concatenate((top, above[::-1])), rich * 0.84, step.lips)
    pen.fill(np.concatenate((below, bottom[::-1])), rich, step.lips)
    gap = float(np.linalg.norm(above - below, axis=1).max())
    if gap > _OPEN_MOUTH * canvas.face_size:
        opening = np.concatenate((above, below[::-1]))
        inside = _median(canvas, pen, _MOUTH_UPPER + _MOUTH_LOWER, (0.4, 0.95))
        pen.fill(opening, rgb("#4a2026") * 0.8)
        if float(inside.mean()) > 0.30:  # teeth are seen
            teeth = np.concatenate((above, mix(above, below, 0.72)[::-1]))
            pen.fill(teeth, mix(np.array((0.96, 0.95, 0.93), np.float32), inside, 0.25))
        pen.line(below, 1.1 * weight * _taper(len(below), 0.2, 0.2), ink, 0.6)
        pen.line(above, 1.5 * weight * _taper(len(above), 0.4, 0.4), ink, 0.8)
    else:
        path = (above + below) / 2
        pen.line(path, 1.8 * weight * _taper(len(path), 0.4, 0.4), ink, 0.9)
    under = bottom[12:-12] + np.array((0, 0.012 * canvas.face_size))
    pen.line(under, 1.0 * weight * _taper(len(under), 0.1, 0.1), ink, 0.4)

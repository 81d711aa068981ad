"""Which pixels of a person are skin and which are hair, read from colours around the face mesh."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, blur, mix, smoothstep

_SMALL = 320  # pixels of the copy on which zones are found
_LEAST = 40  # pixels to learn a colour from
_REACH = 2.6  # how far from its mean a colour may lie, in deviations
_FLOOR = (9.0, 3.5, 3.5)  # smallest deviations of L*, a*, b* of a zone
_SPREAD, _MOST_SPREAD = 0.25, 10.0  # width of skin's colour: of its chroma, but 6 to 10 a*, b*
_SHADE = 0.2  # width of its light and shade beyond the face's own, log
_LAMP, _LAMP_WIDE = 0.06, 0.6  # largest shine on a forehead, of a head's height squared; longest, of its height
_RED = 3.1  # times as saturated as the face a glow is in the mean, at most; ears had 2.3 to 2.7, scarves 2.6 to 4.7
_EAR = 0.06  # largest glow of an ear, of a head's height squared
_THROAT = (0.34, 0.62)  # head heights to the sides of the chin and below it


class Zones(NamedTuple):
    """(H, W) float32 in 0..1 each, soft by about a pixel at their borders; zeros where there is no face."""

    skin: np.ndarray
    hair: np.ndarray


def zones(canvas: Canvas) -> Zones:
    """Skin has the colours inside the face; hair those of the ring around its upper half that are not skin."""
    return Zones(*canvas.once("zones", lambda: _zones(canvas)))


def _zones(canvas: Canvas) -> Zones:
    height, width = canvas.height, canvas.width
    empty = np.zeros((height, width), np.float32)
    if canvas.landmarks is None:
        return Zones(empty, empty)
    factor = min(1.0, _SMALL / max(height, width))
    size = (max(8, round(width * factor)), max(8, round(height * factor)))

    def small(image: np.ndarray) -> np.ndarray:
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    face, features, person = small(canvas.face), small(canvas.features), small(canvas.person)
    head = canvas.face_size * factor
    own = canvas.source if canvas.photo is None else canvas.photo  # a coloured lamp makes a grey shirt look like skin
    lab = cv2.cvtColor(cv2.GaussianBlur(small(own), (0, 0), 1.0), cv2.COLOR_RGB2LAB)
    inner = (face > 0.85) & (features < 0.12)
    if inner.sum() < _LEAST:
        return Zones(empty, empty)
    throat = _throat(canvas, size, factor, head)
    off_skin = _distance(lab, inner)
    # The throat lies in the face's shadow, and is redder there than any colour of the face.
    off_skin = mix(off_skin, np.minimum(off_skin, skin_distance(lab, face, inner)), throat) - 1.0 * face
    skin = smoothstep(_REACH * 1.25, _REACH * 0.85, off_skin)
    forehead = cv2.dilate(face, np.ones((3, 3), np.uint8), iterations=max(1, round(0.04 * head)))
    fair = float(np.median(lab[inner][:, 0]))
    shine = smoothstep(0.2, 0.7, forehead) * smoothstep(fair - 4, fair + 4, lab[..., 0])
    crown = _crown(canvas, size, factor, head) & (person > 0.6)
    hair = np.zeros_like(skin)
    if crown.sum() >= _LEAST and not _same(lab[crown], lab[inner]):
        rows = np.arange(size[1], dtype=np.float32)[:, None]
        chin = float(canvas.landmarks[152, 1]) * factor
        low = smoothstep(chin - 0.3 * head, chin + 1.0 * head, rows)
        off_hair = _distance(lab, crown) + 3.0 * low + 1.2 * smoothstep(0.5, 1.0, face)
        nearer = smoothstep(-0.4, 0.4, off_skin - off_hair)
        if float(np.median(lab[crown][:, 0])) < fair:  # what shines on a forehead is not dark hair
            nearer = nearer * (1 - shine)
        hair = smoothstep(_REACH * 1.25, _REACH * 0.85, off_hair) * nearer * person
        hair = hair * _touching(hair > 0.4, crown)
        skin = skin * (1 - nearer)
    # Highlights and shadows inside the face are skin, whatever their colour; a beard and a fringe are not.
    skin = np.maximum(skin, shine * (1 - hair))
    skin = np.maximum(skin, smoothstep(0.85, 1.0, face) * (1 - hair) * smoothstep(0.15, 0.35, lab[..., 0] / 100))
    beside = _beside(canvas, size, factor, head) * (person > 0.3)
    skin = np.maximum(skin, _glow(lab, inner, skin, beside * (1 - hair), head))
    skin = np.maximum(skin * person, features * smoothstep(0.3, 0.8, face))
    skin, hair = (_clean(each, 0.012 * head) for each in (skin, hair))
    brow = _axes(canvas, size, factor, 0.25)[0] < 0
    lamps = _shine((lab[..., 0] > fair - 4) & brow, skin, hair, person, head)
    skin = np.maximum(skin, blur(lamps.astype(np.float32), 0.8) * (1 - hair))
    grown = [cv2.resize(each, (width, height), interpolation=cv2.INTER_CUBIC) for each in (skin, hair)]
    return Zones(*(smoothstep(0.35, 0.65, each).astype(np.float32) for each in grown))


def skin_distance(lab: np.ndarray, face: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """(h, w) float32: how far from the face's own skin, in light or in shade, a colour is; under 1.6 it is skin.

    Shade scales linear light, and so L* + 16, a* and b* alike; so a neck in shadow is told by its colour at the
    lightness of the face. Within the face more is let through: a red nose, a shaved chin.

    Args:
        lab: (h, w, 3) of the photo.
        face: (h, w), 1 inside the face.
        inner: (h, w) bool, pixels to learn from.
    """
    middle = np.median(lab[inner], axis=0)
    level = (lab[..., 0] + 16) / (middle[0] + 16)
    colour = (lab[..., 1] + 1j * lab[..., 2]) / level
    own = complex(*middle[1:])
    width = float(np.clip(_SPREAD * abs(own), 6, _MOST_SPREAD))
    # Along the hue of skin: overexposure washes out the face, while a neck in its shadow keeps its colour.
    apart = (colour - own) * np.conj(own) / max(1.0, abs(own))
    off = (np.where(apart.real > 0, 0.5, 1.0) * apart.real / width) ** 2 + (apart.imag / width) ** 2
    shade = np.log(level)
    low, high = np.percentile(shade[inner], (10, 90))
    beyond = np.maximum(0, np.maximum(low - shade, shade - high)) / _SHADE
    distance: np.ndarray = np.sqrt(off + beyond**2) / (1 + 1.5 * face)
    return distance.astype(np.float32)


def _throat(canvas: Canvas, size: tuple[int, int], factor: float, head: float) -> np.ndarray:
    """(h, w) float32: where the front of a neck is, below the chin, whichever way the head leans; soft."""
    along, across = _axes(canvas, size, factor, 1.0)
    across = np.abs(across)
    wide, deep = _THROAT[0] * head, _THROAT[1] * head
    return np.asarray(
        smoothstep(wide * 1.2, wide, across) * smoothstep(-0.1 * head, 0, along) * smoothstep(deep * 1.2, deep, along)
    )


def _glow(lab: np.ndarray, inner: np.ndarray, skin: np.ndarray, where: np.ndarray, head: float) -> np.ndarray:
    """(h, w) float32: small areas next to skin and redder than the face: ears lit from behind.

    A hood or scarf is larger, or redder still.
    """
    middle = np.median(lab[inner], axis=0)
    own, colour = complex(*middle[1:]), lab[..., 1] + 1j * lab[..., 2]
    turned = np.angle(colour * np.conj(own), deg=True)  # towards red below 0, towards yellow above
    strong = np.abs(colour) / np.maximum(lab[..., 0], 8) / max(0.05, abs(own) / max(8.0, float(middle[0])))
    light = smoothstep(0.4, 0.55, lab[..., 0] / max(1.0, float(middle[0])))
    near = smoothstep(0.05, 0.2, blur(skin.astype(np.float32), 0.05 * head))
    red = smoothstep(-42, -32, turned) * smoothstep(20, 10, turned) * smoothstep(0.9, 1.1, strong)
    found = red * light * near * where
    _, labels, stats, _ = cv2.connectedComponentsWithStats((found * (1 - skin) > 0.25).astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = (areas < _EAR * head**2) & (np.bincount(labels.ravel(), strong.ravel()) < _RED * areas)
    kept[0] = False
    return np.asarray(found * cv2.dilate(kept[labels].astype(np.uint8), np.ones((3, 3), np.uint8)))


def _beside(canvas: Canvas, size: tuple[int, int], factor: float, head: float) -> np.ndarray:
    """(h, w) float32: between brow and jaw, as far aside as ears are, whichever way the head leans; soft."""
    along, across = _axes(canvas, size, factor, 0.0)
    high = smoothstep(0.1 * head, 0.25 * head, along) * smoothstep(1.05 * head, 0.95 * head, along)
    return np.asarray(high * smoothstep(1.0 * head, 0.9 * head, np.abs(across)))


def _shine(bright: np.ndarray, skin: np.ndarray, hair: np.ndarray, person: np.ndarray, head: float) -> np.ndarray:
    """(h, w) bool: bright areas within a person, next to skin, as lamps leave them on a forehead; no band around it."""
    other = ((skin < 0.5) & (hair < 0.5) & (person > 0.6)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(other, connectivity=4)
    longer = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    small = (stats[:, cv2.CC_STAT_AREA] < _LAMP * head**2) & (longer < _LAMP_WIDE * head)
    small[0] = False
    touches = np.unique(labels[cv2.dilate((skin > 0.5).astype(np.uint8), np.ones((3, 3))) > 0])
    found: np.ndarray = small[labels] & np.isin(labels, touches) & bright
    return found


def _crown(canvas: Canvas, size: tuple[int, int], factor: float, head: float) -> np.ndarray:
    """(h, w) bool: the strip above the forehead and temples where hair grows."""
    along, across = _axes(canvas, size, factor, 0.4)
    away = np.hypot(across / (0.46 * head), along / (0.5 * head))
    inside: np.ndarray = (away > 1.0) & (away < 1.32) & (along < -0.08 * head)
    return inside


def _axes(canvas: Canvas, size: tuple[int, int], factor: float, at: float) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) pixels down the face and across it, from so far on the way from its top to its chin."""
    assert canvas.landmarks is not None
    top, chin = canvas.landmarks[10] * factor, canvas.landmarks[152] * factor
    down = (chin - top) / max(1.0, float(np.linalg.norm(chin - top)))
    start = (1 - at) * top + at * chin
    x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    x, y = x - start[0], y - start[1]
    return x * down[0] + y * down[1], x * down[1] - y * down[0]


def _same(some: np.ndarray, other: np.ndarray) -> bool:
    """Whether two sets of (n, 3) Lab pixels are of one colour, as a shaven head is to its face."""
    apart = np.median(some, axis=0) - np.median(other, axis=0)
    return bool(-12 < apart[0] < 30 and np.hypot(apart[1], apart[2]) < 11)  # a bare scalp shines


def _distance(lab: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(h, w) float32: how far a colour is from those at `where`, in their deviations."""
    pixels = lab[where]
    middle = np.median(pixels, axis=0)
    deviation = np.maximum(1.48 * np.median(np.abs(pixels - middle), axis=0), _FLOOR)
    weights = np.array((0.55, 1, 1), np.float32)
    distance: np.ndarray = np.sqrt((((lab - middle) / deviation) ** 2 * weights).sum(axis=2))
    return distance


def _touching(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """(h, w) bool: the connected parts of a mask that reach seeds."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    kept = np.unique(labels[seeds & mask])
    return np.isin(labels, kept[kept > 0])


def _clean(mask: np.ndarray, reach: float) -> np.ndarray:
    """Without specks and pinholes."""
    size = 2 * max(1, round(reach)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    opened = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel), cv2.MORPH_OPEN, kernel)
    return blur(opened, 0.8)

"""The light of a place on a person: ambient, key and rim, with the colours of what is around, over the face's form."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.engines.filters.canvas import OVAL, Canvas, blur, gray, mix, smoothstep
from pipelines.engines.filters.operations.light import form
from pipelines.engines.filters.operations.zones import skin_distance

_LUMA = np.array((0.299, 0.587, 0.114), np.float32)
# What stands out of a face and what lies deep: landmark, spread and height as shares of the face's height.
_BUMPS = (
    (168, 0.040, 0.035), (6, 0.040, 0.050), (197, 0.042, 0.065), (195, 0.048, 0.080), (4, 0.062, 0.100),
    (105, 0.070, 0.018), (334, 0.070, 0.018), (159, 0.065, -0.035), (386, 0.065, -0.035),
    (50, 0.110, 0.035), (280, 0.110, 0.035), (13, 0.070, 0.025), (199, 0.090, 0.035),
)  # fmt: skip
_WHITE = np.ones(3, np.float32)
_SKIN_KEEPS = 0.8  # of its own colour in a coloured light
_GENTLE = 0.35  # share of a key light's strength that falls on a person
_LIT_SIDE = 65  # percentile of the light on a face, which is as light as the photo
_WIDTH = 224  # pixels of the copy that normals are worked out on


@dataclass(frozen=True)
class Lamp:
    """The light that falls on a person.

    Attributes:
        color: (3,) of the key light.
        rim: (3,) of the light from behind.
        toward: Where the key light stands: x (right), y (down), z (to the camera); any length.
        key: 0 none to 1, how much lighter the lit side is than the other.
        ambient: 0 to 1, how far the surroundings tint the person.
        edge: 0 to 1, of the light from behind.
    """

    color: np.ndarray
    rim: np.ndarray
    toward: tuple[float, float, float]
    key: float
    ambient: float
    edge: float


def lit(canvas: Canvas, person: np.ndarray, around: np.ndarray | None, lamp: Lamp) -> np.ndarray:
    """The person in a light that shapes by shade: the lit side of the face is as light as it was, the other darker.

    A light that kept the mean would bleach one cheek, and make skin lighter where everybody looks.

    Args:
        person: (H, W, 3) float32.
        around: (H, W, 3) float32, the backdrop, whose own colours light the sides that look at it; None: no tint.

    Returns:
        (H, W, 3) float32, may pass 1 slightly.
    """
    # Light over a form is smooth, so it is worked out on a small copy.
    alike = skin_like(canvas)
    normals = face_form(canvas, alike)
    direction = np.asarray(lamp.toward, np.float32) / np.float32(np.linalg.norm(lamp.toward))
    # Half Lambert: light wraps around the form as that of a window does, and no cheek falls into black.
    wrap = (0.5 + 0.5 * cv2.transform(normals, direction[None])) ** 1.6
    color = lamp.color / max(0.2, float(lamp.color @ _LUMA))
    skin = alike[..., None]
    before = face_luma(canvas, person)
    # More, and one half of a face drowns while the other is bleached. Very light skin has no room for more light.
    key = _GENTLE * lamp.key * float(np.clip((1.02 - before) / 0.45, 0.45, 1))
    shade = 1 - 0.62 * key + (1.35 * key * wrap)[..., None] * mix(color, _WHITE, _SKIN_KEEPS * skin)
    if around is not None:
        shade = shade * mix(_WHITE, _ambient(normals, around), lamp.ambient * (1 - 0.7 * skin))
    shade = _grown(shade.astype(np.float32), canvas)
    done = person * shade
    wanted = before * _below_its_lit_side(canvas, shade)
    for _ in range(2):  # the second time for what the shoulder took
        done = _shoulder(done * np.float32(wanted / max(1e-3, face_luma(canvas, done))))
    return _rim(canvas, done, normals, around, lamp)


def _below_its_lit_side(canvas: Canvas, shade: np.ndarray) -> float:
    """Mean light on the face over that on its lit third, at most 1."""
    where = canvas.face > 0.5
    if not where.any():
        return 1.0
    light = gray(shade)[where]
    return min(1.0, float(light.mean() / max(1e-3, float(np.percentile(light, _LIT_SIDE)))))


def _small(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return cv2.resize(image, (_WIDTH, max(8, round(_WIDTH * height / width))), interpolation=cv2.INTER_AREA)


def _grown(image: np.ndarray, canvas: Canvas) -> np.ndarray:
    return cv2.resize(image, (canvas.width, canvas.height), interpolation=cv2.INTER_LINEAR)


def skin_like(canvas: Canvas) -> np.ndarray:
    """(h, w) float32 of a small copy, 1 on the face and on what of the person has its colour: neck, scalp, hands."""
    image, oval, person = (_small(each) for each in (canvas.image, canvas.face, canvas.person))
    face = np.clip(1.3 * cv2.GaussianBlur(oval, (0, 0), 2.5), 0, 1)
    inside = oval > 0.9
    if inside.sum() < 8:
        return face
    # A forehead shines above the oval, and is pale there: more is let through, as it is within a face.
    head = np.maximum(oval, _crown(canvas, image.shape[:2]))
    distance = skin_distance(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), head, inside)
    alike = (smoothstep(3.2, 1.6, distance) * person * 255).astype(np.uint8)
    alike = cv2.GaussianBlur(cv2.medianBlur(alike, 5), (0, 0), 1.5).astype(np.float32) / 255
    return np.maximum(face, np.clip(1.4 * alike, 0, 1))


def _crown(canvas: Canvas, shape: tuple[int, ...]) -> np.ndarray:
    """(h, w) float32, 1 where the top of the head is: an ellipse over the brows, as tall as two thirds of the face."""
    crown = np.zeros(shape, np.float32)
    if canvas.landmarks is not None:
        points = canvas.landmarks[list(OVAL)] * (shape[1] / canvas.width)
        top, chin = canvas.landmarks[[10, 152]] * (shape[1] / canvas.width)
        width, tall = np.ptp(points[:, 0]), float(np.linalg.norm(chin - top))
        angle = float(np.degrees(np.arctan2(*(chin - top)[::-1]))) - 90
        middle = (float(top[0]), float(top[1]))
        cv2.ellipse(crown, (middle, (0.95 * float(width), 0.66 * tall), angle), 1.0, -1)
    return cv2.GaussianBlur(crown, (0, 0), 2.5)


def _shoulder(image: np.ndarray) -> np.ndarray:
    """Rolled off softly above 0.78, so that lit skin keeps its colour and form."""
    over = np.maximum(image - 0.78, 0)
    return np.asarray(np.minimum(image, 0.78) + 0.22 * (1 - np.exp(-over / 0.22)), np.float32)


def face_form(canvas: Canvas, skin: np.ndarray) -> np.ndarray:
    """Unit normals of a small copy, x right, y down, z to the camera: `form`, and in the face what landmarks know.

    An ellipsoid in the face's oval carries nose, brows, cheekbones, lips and chin, with sockets for the eyes.

    Args:
        skin: From `skin_like`.

    Returns:
        (h, w, 3) float32.
    """
    normals = _small(cv2.merge(form(canvas)))
    if canvas.landmarks is None:
        return normals
    factor = _WIDTH / canvas.width
    height = normals.shape[0]
    points = canvas.landmarks * factor
    size = canvas.face_size * factor
    oval = points[list(OVAL)]
    (x, y), half = (oval.max(axis=0) + oval.min(axis=0)) / 2, np.ptp(oval, axis=0) / 2 + 1e-3
    columns = np.arange(_WIDTH, dtype=np.float32)[None]
    rows = np.arange(height, dtype=np.float32)[:, None]
    heights = (
        0.55 * size * np.sqrt(np.clip(1.12 - ((columns - x) / half[0]) ** 2 - ((rows - y) / half[1]) ** 2, 0.02, 2))
    )
    for index, spread, tall in _BUMPS:
        u, v = points[index]
        bell = np.exp(-(((columns - u) / (spread * size)) ** 2) / 2) * np.exp(
            -(((rows - v) / (spread * size)) ** 2) / 2
        )
        heights = heights + tall * size * bell
    heights = cv2.GaussianBlur(heights.astype(np.float32), (0, 0), max(0.6, 0.02 * size))
    gx, gy = cv2.Sobel(heights, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(heights, cv2.CV_32F, 0, 1) / 8
    length = np.sqrt(gx * gx + gy * gy + 1)
    face = cv2.merge((-gx / length, -gy / length, 1 / length))
    # The forehead above the oval belongs to the head's form, too: with the outline's it faces up, and shines.
    both = mix(normals, face, 0.85 * np.maximum(_small(canvas.face), skin))
    return np.asarray(both / np.maximum(1e-3, np.linalg.norm(both, axis=2, keepdims=True)), np.float32)


def face_luma(canvas: Canvas, image: np.ndarray) -> float:
    """Mean luma of the face; of the person where no face was read."""
    where = canvas.face if canvas.landmarks is not None else canvas.person
    weight = float(where.sum())
    return float((gray(np.clip(image, 0, 1)) * where).sum() / weight) if weight > 1 else 0.5


def _ambient(normals: np.ndarray, around: np.ndarray) -> np.ndarray:
    """(h, w, 3) what the surroundings throw on each side of the form, 1 in the mean: left, right, above, below."""
    small = cv2.resize(around, (24, 24), interpolation=cv2.INTER_AREA)
    sides = (small[:, :7], small[:, 17:], small[:8], small[17:])
    left, right, above, below = (side.reshape(-1, 3).mean(axis=0) for side in sides)
    middle = (left + right + above) / 3
    x, y, _ = cv2.split(normals)
    light = middle + sum(
        np.clip(weight, 0, 1)[..., None] * (color - middle)
        for weight, color in ((-1.2 * x, left), (1.2 * x, right), (-1.2 * y, above), (0.8 * y, below))
    )
    light = light / max(0.05, float(middle @ _LUMA))
    # Colour counts in full; a dark side of the room takes less light away than it would, or faces would drown.
    luma = cv2.transform(light, _LUMA[None])[..., None]
    light = light / np.maximum(luma, 0.05) * np.clip(luma, 0.3, 2.2) ** 0.6
    return np.asarray(np.clip(light, 0.25, 2.2), np.float32)


def _rim(canvas: Canvas, person: np.ndarray, normals: np.ndarray, around: np.ndarray | None, lamp: Lamp) -> np.ndarray:
    """Light from behind: strongest in the last pixels, where the surface turns away, opposite to the key light."""
    if lamp.edge <= 0:
        return np.clip(person, 0, 1)
    x, y, z = cv2.split(normals)
    side = float(np.sign(lamp.toward[0]))
    behind = np.clip(0.40 - side * x * 0.8 - y * 0.45, 0, 1)
    color = np.broadcast_to(lamp.rim, normals.shape)
    if around is not None:
        near = cv2.GaussianBlur(_small(around), (0, 0), 14 * canvas.unit * _WIDTH / canvas.width)
        color = mix(color, near * 1.5, 0.5)
        behind = behind + 0.8 * smoothstep(0.35, 0.85, gray(near))
    turned = np.clip(1.05 - z, 0, 1) ** 3
    light = (behind * (0.35 + 0.65 * turned) * lamp.edge)[..., None] * color
    edge = canvas.person * (1 - blur(canvas.person, 4.5 * canvas.unit)) * 2.2
    rim = np.clip(_grown(light.astype(np.float32), canvas) * edge[..., None], 0, 1)
    person = np.clip(person, 0, 1)
    return np.asarray(person + rim * (1 - person))

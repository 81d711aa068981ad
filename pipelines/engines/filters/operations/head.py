"""The head in three dimensions, and the parts of a portrait: hair, skin, clothes, planes of the face.

The mesh (`face_mesh.csv`) is the mean of what MediaPipe's face mesh sees in 57 public-domain portraits: 468 points,
x to the right, y down, z away from the camera, in thousandths of the height of a face.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from pipelines.engines.filters.canvas import OVAL, Canvas, blur, smoothstep
from pipelines.engines.filters.operations.features import eyes_drawn

_MESH = Path(__file__).with_name("face_mesh.csv")
# Planes of the right half of a face (left in the picture) as outlines of mesh points, painted in this order, later over
# earlier; the left half mirrors them.
_OUTLINES = {
    "cheek": (10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 1),
    "forehead": (10, 109, 67, 103, 54, 21, 71, 70, 63, 105, 66, 107, 9, 151),
    "temple": (54, 21, 162, 127, 234, 93, 132, 147, 123, 116, 143, 156, 70, 71),
    "jaw": (132, 58, 172, 136, 150, 149, 204, 212, 216, 207, 147),
    "chin": (152, 148, 176, 149, 204, 182, 83, 18),
    "muzzle": (164, 2, 97, 98, 206, 216, 212, 204, 182, 83, 18, 17, 0),
    "socket": (9, 107, 66, 105, 63, 70, 156, 143, 116, 117, 118, 119, 120, 128, 245, 193, 8),
    "nose": (8, 193, 245, 188, 174, 198, 49, 48, 64, 98, 97, 2, 1, 4, 5, 195, 197, 6, 168),
    "brow": (46, 53, 52, 65, 55, 107, 66, 105, 63, 70),
    "eye": (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
}  # fmt: skip
UPPER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78)
LOWER_LIP = (61, 78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
_IRIS = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))


@dataclass(frozen=True)
class Parts:
    """Soft masks, (H, W) float32 in 0..1, that add up to the person: hair (and hats), skin, clothes."""

    hair: np.ndarray
    skin: np.ndarray
    cloth: np.ndarray


@lru_cache(maxsize=1)
def mesh() -> np.ndarray:
    """(468, 3) float32, see the module."""
    return np.loadtxt(_MESH, np.float32, delimiter=",") / np.float32(1000)


@lru_cache(maxsize=1)
def mirrored() -> np.ndarray:
    """(468,) which point of the mesh is the mirror image of each."""
    points = mesh()
    other = points * np.array([-1, 1, 1], np.float32)
    return np.linalg.norm(points[:, None] - other[None], axis=2).argmin(axis=0)


@lru_cache(maxsize=1)
def _triangles() -> np.ndarray:
    """(N, 3) indices of the mesh's points, joined as seen from the front."""
    flat = mesh()[:, :2] * 1000 + 1000
    division = cv2.Subdiv2D((0, 0, 2000, 2000))
    index = {division.insert((float(x), float(y))): number for number, (x, y) in enumerate(flat)}
    found = []
    for triangle in np.asarray(division.getTriangleList()).reshape(-1, 3, 2):
        corners = [index.get(division.findNearest(tuple(map(float, corner)))[0], -1) for corner in triangle]
        if (np.abs(triangle - 1000) < 900).all() and min(corners) >= 0:
            found.append(corners)
    return np.array(found, np.int32)


def face_normals(canvas: Canvas, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Which way the face looks at every pixel: the mean mesh turned as the landmarks say (weak perspective).

    Args:
        size: Width and height of the answer, which is smooth and wants no more than 200 pixels or so.

    Returns:
        (h, w, 3) float32 normals x right, y down, z towards the camera; (h, w) float32, 1 where they are known;
        (h, w) float32, how far the face stands out there, in pixels of the answer. None without landmarks.
    """
    if canvas.landmarks is None:
        return None
    factor = np.array([size[0] / canvas.width, size[1] / canvas.height], np.float32)
    flat = canvas.landmarks[:468] * factor
    model = mesh() - mesh().mean(axis=0)
    axes = np.linalg.lstsq(model, flat - flat.mean(axis=0), rcond=None)[0]
    scale = float(np.linalg.norm(axes, axis=0).mean())
    depth = model @ np.cross(axes[:, 0], axes[:, 1]) / max(1e-6, scale)
    corners = np.concatenate((flat, depth[:, None]), axis=1)[_triangles()]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-6
    normals *= np.where(normals[:, 2:] > 0, -1.0, 1.0)  # towards the camera, which is at z below 0
    picture = np.zeros((size[1], size[0], 4), np.float32)
    rim = float(depth.max())
    order = np.argsort(-corners[..., 2].mean(axis=1))
    fixed = np.round(corners[..., :2] * 16).astype(np.int32)
    for index in order:
        x, y, z = normals[index]
        cv2.fillConvexPoly(
            picture, fixed[index], (float(x), float(y), float(-z), rim - float(corners[index, :, 2].mean())), 8, 4
        )
    sigma = max(0.6, 0.018 * canvas.face_size * factor[1])
    known = (picture[..., 2] > 0).astype(np.float32)
    soft = cv2.GaussianBlur(known, (0, 0), sigma)
    smooth = cv2.GaussianBlur(picture, (0, 0), sigma) / np.maximum(soft, 0.05)[..., None]
    out = smooth[..., 3]
    smooth = smooth[..., :3] / (np.linalg.norm(smooth[..., :3], axis=2, keepdims=True) + 1e-6)
    return np.ascontiguousarray(smooth), known, out


def parts(canvas: Canvas) -> Parts:
    """Hair, skin and clothes by the colours found at the crown, on the face and at the lower rim of the picture."""
    if "parts" not in canvas.found:
        canvas.found["parts"] = _parts(canvas)
    found: Parts = canvas.found["parts"]
    return found


def _parts(canvas: Canvas) -> Parts:
    height, width = canvas.height, canvas.width
    factor = min(1.0, 220 / max(height, width))
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    person = cv2.resize(canvas.person, size, interpolation=cv2.INTER_AREA)
    face = cv2.resize(canvas.face, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(canvas.source, size, interpolation=cv2.INTER_AREA)
    lab = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), (0, 0), 1.2)
    if canvas.landmarks is None:
        none = np.zeros_like(canvas.person)
        return Parts(none, none, canvas.person)
    points = canvas.landmarks * (np.array(size) / (width, height))
    head = max(4.0, canvas.face_size * factor)
    top, chin, middle = points[10], points[152], points[list(OVAL)].mean(axis=0)
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    inner = (face > 0.8) & (cv2.resize(canvas.features, size) < 0.2)
    skin = np.median(lab[inner], axis=0) if inner.sum() > 8 else np.array([60.0, 15, 18])
    crown = (person > 0.7) & (face < 0.2) & (y < top[1] + 0.1 * head) & (np.abs(x - top[0]) < 0.5 * head)
    hair = np.median(lab[crown], axis=0) if crown.sum() > 8 else skin
    spread = np.array([20.0, 11.0, 11.0])
    from_skin = (((lab - skin) / spread) ** 2).sum(axis=2)
    from_hair = (((lab - hair) / spread) ** 2).sum(axis=2)
    below = (y - chin[1]) / head  # heights of a face under the chin
    aside = np.abs(x - middle[0]) / head
    off = (hair - skin) / np.where(hair > skin, (45.0, 11.0, 11.0), spread)  # a scalp shines more than a cheek
    bald = float((off**2).sum()) < 0.4
    cost_hair = np.minimum(from_hair, 9) + 5 * smoothstep(-0.1, 0.7, below) + 3 * smoothstep(0.6, 1.1, aside)
    cost_hair = cost_hair + (6.0 if bald else 0.0)
    cost_skin = np.minimum(from_skin, 9) + 1.0 - 3 * smoothstep(0.45, 0.15, aside) * smoothstep(0.45, 0.2, below)
    cost_cloth = 3.2 + 6 * smoothstep(0.15, -0.15, below) - 2.4 * smoothstep(0.25, 0.6, below)
    costs = np.stack((cost_hair, cost_skin, np.broadcast_to(cost_cloth, cost_hair.shape)), axis=2).astype(np.float32)
    costs = cv2.GaussianBlur(costs, (0, 0), max(0.8, 0.02 * head))
    costs[face > 0.6] = (9, 0, 9)
    labels = cv2.medianBlur(costs.argmin(axis=2).astype(np.uint8), 7)
    masks = [
        blur(cv2.resize((labels == n).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC), 1.5 / factor)
        for n in range(3)
    ]
    total = np.maximum(sum(masks), 1e-3)
    return Parts(*(np.clip(mask / total, 0, 1) * canvas.person for mask in masks))


def planes(canvas: Canvas) -> tuple[np.ndarray, list[str]]:
    """The face divided as a sculptor does: forehead, temples, sockets, nose, cheeks, muzzle, jaw, chin, and features.

    Returns:
        (H, W) uint8, 0 outside the face; names of the planes from 1 on, "eye", "iris", "brow" and "lip" among them.
        Behind dark glasses, hair or a hand there is no eye.
    """
    if "planes" not in canvas.found:
        canvas.found["planes"] = _planes(canvas)
    found: tuple[np.ndarray, list[str]] = canvas.found["planes"]
    return found


def _planes(canvas: Canvas) -> tuple[np.ndarray, list[str]]:
    labels = np.zeros((canvas.height, canvas.width), np.uint8)
    names: list[str] = []
    if canvas.landmarks is None:
        return labels, names
    points, other = canvas.landmarks, mirrored()

    def fill(name: str, outline: np.ndarray) -> None:
        names.append(name)
        cv2.fillPoly(labels, [np.round(rounded(outline) * 16).astype(np.int32)], len(names), cv2.LINE_8, 4)

    far = [float(np.linalg.norm(points[edge] - points[1])) for edge in (234, 454)]
    halves = [(0, np.arange(468)), (1, other)]
    halves = halves if far[0] < far[1] else halves[::-1]  # the nearer half lies on top
    seen = eyes_drawn(canvas)
    for name, outline in _OUTLINES.items():
        for side, half in halves:
            if name == "eye" and not seen[side]:
                continue
            fill(name, points[half[list(outline)]])
    for iris in (iris for iris, shown in zip(_IRIS, seen, strict=True) if shown):
        middle = points[iris[0]]
        radius = float(np.linalg.norm(points[list(iris[1:])] - middle, axis=1).mean())
        disc = np.zeros_like(labels)
        cv2.circle(disc, tuple(np.round(middle * 16).astype(int)), round(radius * 15), 1, -1, cv2.LINE_8, 4)
        names.append("iris")
        eye = np.isin(labels, [n + 1 for n, name in enumerate(names) if name == "eye"])
        labels[(disc > 0) & eye] = len(names)
    fill("lip", points[list(UPPER_LIP)])
    fill("lip", points[list(LOWER_LIP)])
    return labels, names


def rounded(points: np.ndarray, times: int = 2, closed: bool = True) -> np.ndarray:
    """A chain of points with its corners cut (Chaikin 1974)."""
    for _ in range(times):
        a, b = (points, np.roll(points, -1, axis=0)) if closed else (points[:-1], points[1:])
        cut = np.stack((0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b), axis=1).reshape(-1, 2)
        points = cut if closed else np.concatenate((points[:1], cut, points[-1:]))
    return points

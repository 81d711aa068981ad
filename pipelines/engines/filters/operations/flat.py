"""Flat areas of colour with drawn borders: what cel painters, block cutters and screen printers start from."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, blur, mix, rgb, smoothstep
from pipelines.engines.filters.operations.paint import flat_patches
from pipelines.engines.filters.operations.prints import palette_of
from pipelines.engines.filters.operations.zones import zones
from pipelines.recipe import drawn as recipe

_SAMPLES = 4000
_LIT = -0.4  # deviations of a tone's lightness above its mean: a tone of skin is rather dark than light
_DOUBLINGS = 3  # of the power on shares: how hard the winner takes all, a border of a pixel or two
_HUE = 0.7  # how far the tones of skin share one hue: shade may be darker, but not grey or red


def flat(canvas: Canvas, step: recipe.Flat) -> None:
    """recipe.Flat. Skin and hair have tones of their own, so that no border runs between a face and the wall behind."""
    image, features = canvas.image, canvas.features
    reach = step.rounding * canvas.unit * canvas.boldness
    smooth = flat_patches(image, max(1.0, 1.6 * reach), 6.0)
    smooth = mix(smooth, cv2.GaussianBlur(image, (0, 0), max(0.5, 0.6 * canvas.unit)), 0.8 * features)
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB)
    found = zones(canvas)
    person = smoothstep(0.35, 0.65, canvas.person)
    rest = np.clip(1 - found.skin - found.hair, 0, 1)
    if step.wall == 0:
        rest = rest * blur(person, 3 * reach)
    around = _Borders(features)
    shares: list[np.ndarray] = []
    used: list[np.ndarray] = []
    own = _photo_skin(canvas)
    for zone, tones, soft in ((found.skin, step.skin_tones, 1.2), (found.hair, step.hair_tones, 1.0)):
        there = own if zone is found.skin else lab  # contrast would make two tones of one skin
        limits, colors = _tones(there, zone, tones)
        light = np.ascontiguousarray(there[..., 0])
        which = np.searchsorted(limits, around.both(blur(light, soft * reach), light))
        areas = [around.share((which == index) * zone, reach * soft) for index in range(tones)]
        if zone is found.skin:
            best, seen = np.argmax(areas, axis=0), (zone - features > 0.5) & (canvas.person > 0.5)
            colors = np.stack([_own(own, seen & (best == index), colors[index]) for index in range(tones)])
            colors = _as_one(colors, _samples(own, zone * canvas.face * (1 - features)), step.shade)
        shares += areas
        used += list(colors)
    if rest.mean() > 0.002:
        colors = palette_of(_samples(lab, rest), step.colors, canvas.seed)
        which = _nearest(lab, colors)
        if step.inks:
            colors = _pigments(colors, step.inks[canvas.choice(len(step.inks))], step.pull)
        shares += [around.share((which == index) * rest, reach) for index in range(len(colors))]
        used += list(colors)
    stacked = np.stack(shares).reshape(len(shares), -1)
    mixed = (np.asarray(used, np.float32).T @ stacked) / np.maximum(stacked.sum(axis=0), 1e-9)
    mixed[1:] *= step.saturation
    planes = cv2.merge([plane.reshape(features.shape) for plane in mixed])
    done = np.clip(cv2.cvtColor(planes, cv2.COLOR_LAB2RGB), 0, 1)
    canvas.image = mix(image, done, np.maximum(person, step.wall)) if step.wall < 1 else done


def _photo_skin(canvas: Canvas) -> np.ndarray:
    """(H, W, 3) Lab of the sitting, its face as light as in the photo, whatever a scene's light does."""
    lit = cv2.cvtColor(canvas.source, cv2.COLOR_RGB2LAB)
    face = (canvas.face > 0.9) & (canvas.features < 0.1)
    if canvas.photo is None or not face.any():
        return lit
    own = cv2.cvtColor(canvas.photo, cv2.COLOR_RGB2LAB)
    lit[..., 0] -= np.mean([np.quantile(lit[face][:, 0], q) - np.quantile(own[face][:, 0], q) for q in (0.5, 0.75)])
    return lit


def _own(lab: np.ndarray, where: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """(3,) what the photo has where a tone is painted, rather its dark side: contrast moves borders, not tones."""
    pixels = lab[where]
    if len(pixels) <= 32:
        return otherwise
    color: np.ndarray = pixels.mean(axis=0)
    color[0] += _LIT * pixels[:, 0].std()
    return color


class _Borders:
    """Rounds the borders of areas, less so on the features."""

    def __init__(self, features: np.ndarray) -> None:
        rows, columns = np.flatnonzero(features.max(axis=1) > 0.01), np.flatnonzero(features.max(axis=0) > 0.01)
        self._where = (
            (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if len(rows) else (slice(0), slice(0))
        )
        self._fine = 0.9 * features[self._where]

    def both(self, coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
        """The coarse picture, on the features the fine one. Changes the coarse one."""
        if self._fine.size:
            coarse[self._where] = mix(coarse[self._where], fine[self._where], self._fine)
        return coarse

    def share(self, mask: np.ndarray, reach: float) -> np.ndarray:
        """(H, W) float32: large where an area has the largest share of the neighbourhood; almost 0 elsewhere."""
        mask = (mask * 255).astype(np.uint8)
        share = self.both(blur(mask, reach).astype(np.float32), cv2.GaussianBlur(mask, (0, 0), 0.7)) / 255
        for _ in range(_DOUBLINGS):
            share *= share
        return share


def _samples(lab: np.ndarray, zone: np.ndarray) -> np.ndarray:
    pixels = lab[::2, ::2][zone[::2, ::2] > 0.6]
    if len(pixels) < 64:
        pixels = lab[::2, ::2].reshape(-1, 3)
    return pixels[:: max(1, len(pixels) // _SAMPLES)]


def _tones(lab: np.ndarray, zone: np.ndarray, tones: int) -> tuple[np.ndarray, np.ndarray]:
    """Limits of lightness between the tones of a zone and their Lab colours, dark to light (1-D k-means)."""
    pixels = _samples(lab, zone)
    light = np.sort(pixels[:, 0])
    centres = np.quantile(light, (np.arange(tones) + 0.5) / tones)
    for _ in range(12):
        limits = (centres[1:] + centres[:-1]) / 2
        which = np.searchsorted(limits, light)
        counts = np.bincount(which, minlength=tones)
        sums = np.bincount(which, light, tones)
        centres = np.where(counts > 0, sums / np.maximum(counts, 1), centres)
    limits = (centres[1:] + centres[:-1]) / 2
    which = np.searchsorted(limits, pixels[:, 0])
    middle = np.median(pixels, axis=0)
    colors = [np.median(pixels[which == i], axis=0) if (which == i).sum() > 4 else middle for i in range(tones)]
    return limits, np.asarray(colors, np.float32)


def skin_middle(face: np.ndarray) -> np.ndarray:
    """(3,) Lab of a face's (n, 3) pixels: the hue of its lit half, as light as between that and the whole face."""
    median = float(np.median(face[:, 0]))
    lit = np.median(face[face[:, 0] >= median - 2], axis=0)
    light = 0.6 * median + 0.4 * float(lit[0])
    return np.array((light, *(lit[1:] * (0.3 + 0.7 * light / max(1.0, float(lit[0]))))), np.float32)


def _as_one(colors: np.ndarray, face: np.ndarray, shade: float) -> np.ndarray:
    """Tones drawn towards the hue, colourfulness and lightness of the face's (n, 3) own middle."""
    middle = skin_middle(face)
    done = colors.copy()
    done[:, 0] = middle[0] + shade * (colors[:, 0] - middle[0])
    own = middle[1:] * (0.4 + 0.6 * done[:, :1] / max(1.0, float(middle[0])))
    done[:, 1:] = mix(colors[:, 1:], own, _HUE)
    return done


def _pigments(colors: np.ndarray, inks: tuple[str, ...], pull: float) -> np.ndarray:
    """Lab colours drawn towards the nearest of a printer's pigments."""
    there = cv2.cvtColor(np.array([[rgb(ink) for ink in inks]], np.float32), cv2.COLOR_RGB2LAB)[0]
    near = there[_nearest(colors[None].astype(np.float32), there)[0]]
    return mix(colors, near, pull)


def _nearest(lab: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """(H, W) index of the nearest colour."""
    pixels = lab.reshape(-1, 3)
    distance = pixels @ (-2 * colors.T.astype(np.float32)) + (colors.astype(np.float32) ** 2).sum(axis=1)
    which: np.ndarray = distance.argmin(axis=1).reshape(lab.shape[:2])
    return which

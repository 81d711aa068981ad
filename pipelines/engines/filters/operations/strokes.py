"""Brush strokes, thousands at a time.

Strokes sit on a jittered grid and reach at most into the next cell. Cells are painted in nine classes (row mod 3,
column mod 3): strokes of one class cannot meet, so a class is painted by a handful of array operations, and the nine
classes overlap as real strokes do. Orientation follows the edge tangent flow (Litwinowicz 1997), sizes go from coarse
to fine where the picture differs from what is painted (Hertzmann 1998).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines import recipe
from pipelines.engines.filters.canvas import Canvas, along, blur, fractal_noise, gray, mix, rgb, smoothstep
from pipelines.engines.filters.operations.surface import tooth

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BRUSHES = 64  # different brushes


@dataclass
class _Layer:
    """All that one layer of strokes shares. Strokes may begin outside: `painted` and `luma` have a margin."""

    width: float
    length: float
    share: float  # of the coarsest width: small strokes carry less paint and stray less in colour
    cell: int
    margin: int
    painted: np.ndarray  # (rows, columns, 4): r, g, b and height of the paint
    reference: np.ndarray  # what is to be painted
    luma: np.ndarray  # its lightness
    tangents: np.ndarray
    need: np.ndarray | None
    stray: np.ndarray  # how far strokes may differ from what they paint: little on the face
    brushes: np.ndarray  # (_BRUSHES, hairs)


def strokes(canvas: Canvas, step: recipe.Strokes) -> None:
    """recipe.Strokes."""
    rng = canvas.rng()
    tangents = canvas.tangents(step.swirl)
    image = canvas.image
    under = blur(image, step.width * canvas.unit * 0.6)
    if step.ground is not None:
        under = mix(np.broadcast_to(rgb(step.ground), image.shape), under, step.under)
    width = step.width * canvas.unit * canvas.boldness
    # Head and neck are painted calmly; near white and black a stray hue would look like confetti.
    head = np.clip(1.7 * blur(canvas.face, 0.25 * canvas.face_size), 0, 1)
    luma = gray(blur(image, width))
    stray = (1 - 0.6 * np.maximum(head, canvas.features)) * (0.3 + 0.7 * np.sqrt(np.clip(4 * luma * (1 - luma), 0, 1)))
    margin = 3 * _cell(width, width * step.length) + 4
    height, across = image.shape[:2]
    painted = np.zeros((height + 2 * margin, across + 2 * margin, 4), np.float32)
    inside = painted[margin : margin + height, margin : margin + across]
    inside[..., :3] = under
    for index in range(step.layers):
        width_now = max(1.8, width * step.finer**index)
        reference = blur(image, width_now * 0.35)
        need = None
        if index and step.detail > 0:
            # A finer stroke is asked for where the coarser one was too broad for what is there, and on the features.
            missed = np.abs(reference - blur(reference, width_now / step.finer * 0.5)).sum(axis=2)
            need = smoothstep(0.10 * step.detail, 0.45 * step.detail, blur(missed, 0.7 * width_now))
            need = np.maximum(need, np.maximum(canvas.features, 0.25 * index * canvas.face))
        length = width_now * step.length
        luma = cv2.copyMakeBorder(gray(reference), *(margin,) * 4, cv2.BORDER_REPLICATE)
        layer = _Layer(
            width=width_now,
            length=length,
            share=step.finer**index,
            cell=_cell(width_now, length),
            margin=margin,
            painted=painted,
            reference=reference,
            luma=luma,
            tangents=tangents,
            need=need,
            stray=stray,
            brushes=_brushes(step.bristle, int(width_now * 1.2 * 1.2) + 2, rng),
        )
        _paint(layer, step, rng)
    canvas.image = np.clip(inside[..., :3], 0, 1)
    if step.tooth and step.ground is not None:
        canvas.image = _broken(canvas, step, rng)
    canvas.keep_features(0.35 + 0.5 * canvas.likeness)
    if step.relief:
        canvas.image = _side_light(canvas, np.ascontiguousarray(inside[..., 3]), step.relief)


def _cell(width: float, length: float) -> int:
    """Pixels between strokes: the furthest that one reaches from its middle, bend and widest brush included."""
    return max(2, int(np.ceil(np.hypot(length / 2, 0.6 * width + length / 16))) + 1)


def _paint(layer: _Layer, step: recipe.Strokes, rng: np.random.Generator) -> None:
    """Paints one layer of strokes, in place. Thin strokes cover little of their cell: such layers come twice."""
    cover = 0.85 * layer.length * layer.width / layer.cell**2
    for _ in range(int(np.clip(np.ceil(0.75 / cover), 1, 4))):
        params = _draw_params(layer, step, rng)
        for index in rng.permutation(9):
            chosen = params[int(index) // 3 :: 3, int(index) % 3 :: 3].reshape(-1, params.shape[2])
            _paint_class(layer, step, chosen[chosen[:, 8] > 0])


def _draw_params(layer: _Layer, step: recipe.Strokes, rng: np.random.Generator) -> np.ndarray:
    """(rows, columns, 12): x, y, cos, sin, half length, half width, brush, bend, opacity, r, g, b."""
    height, width = layer.tangents.shape[:2]
    cell = layer.cell
    rows, columns = -(-height // cell) + 2, -(-width // cell) + 2
    jitter = rng.random((rows, columns, 8), np.float32)
    x = (np.arange(columns, dtype=np.float32)[None] - 1 + jitter[..., 0]) * cell
    y = (np.arange(rows, dtype=np.float32)[:, None] - 1 + jitter[..., 1]) * cell
    xi, yi = np.clip(x, 0, width - 1).astype(int), np.clip(y, 0, height - 1).astype(int)
    tangent = layer.tangents[yi, xi]
    turn = (jitter[..., 2] - 0.5) * 0.5
    cos = tangent[..., 0] * np.cos(turn) - tangent[..., 1] * np.sin(turn)
    sin = tangent[..., 0] * np.sin(turn) + tangent[..., 1] * np.cos(turn)
    stray = (layer.stray[yi, xi] * layer.share)[..., None]
    color = layer.reference[yi, xi]
    color = color * (1 + (jitter[..., 3:4] - 0.5) * 3 * step.light_jitter * stray)
    hue = rng.random((rows, columns, 3), np.float32) - 0.5
    color = color + (hue - hue.mean(axis=2, keepdims=True)) * 2 * step.hue_jitter * stray
    long = layer.length * (0.65 + 0.35 * jitter[..., 4]) / 2
    wide = layer.width * (0.7 + 0.5 * jitter[..., 5]) / 2
    opacity = np.full((rows, columns), step.opacity, np.float32)
    if layer.need is not None:
        opacity = opacity * (layer.need[yi, xi] > 0.12 + 0.5 * jitter[..., 6])
    bend = (jitter[..., 7] - 0.5) * 0.5 / np.maximum(layer.length, 1)
    brush = np.floor(rng.random((rows, columns), np.float32) * _BRUSHES)
    parts = (x + layer.margin, y + layer.margin, cos, sin, long, wide, brush, bend, opacity)
    return np.concatenate((np.stack(parts, axis=2), color), axis=2).astype(np.float32)


def _paint_class(layer: _Layer, step: recipe.Strokes, strokes: np.ndarray) -> None:
    """Paints strokes that cannot meet, in place.

    Args:
        strokes: (N, 12) as drawn by _draw_params.
    """
    if not len(strokes):
        return
    # Samples closer than a pixel, so that none between them stays bare; where two share a pixel the last one counts.
    along, across = int(layer.length * 1.2) + 2, layer.brushes.shape[1]
    u = np.linspace(-1, 1, along, dtype=np.float32)
    v = np.linspace(-1, 1, across, dtype=np.float32)
    x, y, cos, sin, long, wide, brush, bend, opacity = (strokes[:, i, None] for i in range(9))
    ahead = u * long
    aside = bend * ahead * ahead
    xs = (x + 0.5 + ahead * cos + aside * sin)[:, :, None] - (v * wide * sin)[:, None, :]
    ys = (y + 0.5 + ahead * sin - aside * cos)[:, :, None] + (v * wide * cos)[:, None, :]
    at = (ys.astype(np.int32) * layer.painted.shape[1] + xs.astype(np.int32)).reshape(-1)
    hairs = layer.brushes[:, None, :]
    # Hairs run dry towards the end of the stroke: weak hairs first.
    dry = np.clip((hairs - 1.15 * u[:, None] ** 4) * 4.0, 0, 1) * np.clip((1.0 - v**4) * 3.0, 0, 1)
    relief = (hairs * (0.6 + 0.4 * u[:, None]) + 0.35) * layer.share
    chosen = brush[:, 0].astype(int)
    alpha = (dry[chosen] * opacity[:, :, None]).reshape(-1)
    if step.edges > 0:
        luma = strokes[:, 9:12] @ _LUMA
        off = layer.luma.reshape(-1).take(at).reshape(len(strokes), -1) - luma[:, None]
        alpha *= np.exp(off * off * np.float32(-42.0 * step.edges)).reshape(-1)
    paint = np.empty((len(strokes), along * across, 4), np.float32)
    paint[:, :, :3] = strokes[:, None, 9:12]
    paint[:, :, 3] = relief[chosen].reshape(len(strokes), -1)
    paint = paint.reshape(-1, 4)
    flat = layer.painted.reshape(-1, 4)
    there = flat.take(at, axis=0)
    paint -= there
    paint *= alpha[:, None]
    paint += there
    flat[at] = paint


def _broken(canvas: Canvas, step: recipe.Strokes, rng: np.random.Generator) -> np.ndarray:
    """The picture with the ground showing in the hollows of its grain, which a dry stick of colour does not reach."""
    assert step.ground is not None
    grain = tooth(canvas.height, canvas.width, 0.6 * canvas.unit, rng)
    drag = fractal_noise(canvas.height, canvas.width, 2.4 * canvas.unit + 1, 1, rng)
    drag = along(drag, canvas.tangents(step.swirl), 26 * canvas.unit * canvas.boldness)
    drag = drag / max(1e-6, float(drag.std()))
    bare = smoothstep(0.4, 1.15, 0.45 + 0.45 * (0.5 - grain) + 0.24 * drag)
    head = np.clip(1.7 * blur(canvas.face, 0.25 * canvas.face_size), 0, 1)
    bare = bare * step.tooth * (1 - 0.5 * head) * (1 - 0.7 * canvas.features)
    return mix(canvas.image, np.broadcast_to(rgb(step.ground), canvas.image.shape), bare)


def _brushes(bristle: float, hairs: int, rng: np.random.Generator) -> np.ndarray:
    """(_BRUSHES, hairs) float32 paint carried by each hair, mostly 0..1."""
    load = cv2.GaussianBlur(rng.standard_normal((_BRUSHES, hairs + 4), np.float32), (0, 0), sigmaX=0.7, sigmaY=0.01)
    load = load[:, 2:-2] / 0.7
    return np.clip(0.85 + bristle * (0.33 * load - 0.12), 0.02, 1.3)


def _side_light(canvas: Canvas, heights: np.ndarray, relief: float) -> np.ndarray:
    """Light that grazes the paint, with a little shine; softer over eyes and mouth."""
    # Two scales: bodies of strokes, and softer the single hairs.
    body = cv2.GaussianBlur(heights, (0, 0), max(0.8, 1.7 * canvas.unit))
    hairs = cv2.GaussianBlur(heights, (0, 0), max(0.5, 0.75 * canvas.unit))
    heights = (1.5 * body + 0.5 * hairs).astype(np.float32)
    gx = cv2.Scharr(heights, cv2.CV_32F, 1, 0) / 16
    gy = cv2.Scharr(heights, cv2.CV_32F, 0, 1) / 16
    slope = (canvas.light_side * gx * 0.8 - gy * -0.9) * canvas.steepness
    head = np.clip(1.7 * blur(canvas.face, 0.25 * canvas.face_size), 0, 1)
    keep = 1 - 0.6 * head - 0.3 * canvas.features
    shade = np.tanh(slope * relief * keep * 2.6) * 0.26
    shine = np.clip(slope * 5.0 - 0.3, 0, 1) ** 2 * 0.16 * relief * keep * (0.3 + 0.7 * gray(canvas.image))
    return np.clip(canvas.image * (1 + shade[..., None]) + shine[..., None], 0, 1)

"""Backdrops where people settled: a city at night, a village, a station in orbit."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import blur, mix, ramp_lookup, rgb, smoothstep, warp
from pipelines.engines.filters.scenery.brushwork import Board


def neon_city(board: Board) -> np.ndarray:
    """A wet street at night between towers with signs."""
    rng = board.rng
    board.sky("#070914", "#141232", "#3a1a4e", "#6b2a5c", bottom=0.62)
    vanish = 0.5 + rng.uniform(-0.06, 0.06)
    for depth in range(5):
        _towers(board, vanish, depth)
    haze = board.glow(vanish, 0.60, 0.34)
    board.add(haze * 0.30, "#ff4fa3")
    board.add(board.glow(vanish, 0.64, 0.16) * 0.35, "#ffb36b")
    street = smoothstep(0.655, 0.675, board.v)
    mirror = board.image[::-1]
    shift = round(0.33 * board.height)  # rows above the horizon, upside down
    mirror = np.roll(mirror, shift, axis=0)
    ripple = board.noise(16, 3, (3.0, 1.0)) * 10 * board.unit * np.clip((board.v - 0.6) * 4, 0, 1)
    wet = warp(
        cv2.blur(np.ascontiguousarray(mirror), (1, max(3, round(34 * board.unit)))), ripple, np.zeros_like(ripple)
    )
    board.lay(street, wet * 0.72 + rgb("#05060d") * 0.28)
    rain = board.noise(5, 2, (0.25, 9.0))
    board.add(np.clip(rain - 0.30, 0, 1) * 0.28, "#a8c8ff")
    board.soften(0.5)
    board.bokeh(12, ("#ff3d9a", "#2fe0ff", "#ffb04a", "#8a5bff"), (4, 10), (0.55, 0.95), 0.25)
    return board.finish(0.35)


def _towers(board: Board, vanish: float, depth: int) -> None:
    """One pair of facades, nearer with each depth, with windows and signs that glow."""
    rng = board.rng
    near = depth / 4
    dark = mix(rgb("#2c1c4a"), rgb("#07080f"), near**0.7)
    signs = np.zeros_like(board.image)
    for side in (-1, 1):
        inner = vanish + side * (0.055 + 0.115 * depth + rng.uniform(-0.02, 0.02))
        outer = vanish + side * (0.19 + 0.16 * depth)
        top = 0.36 - 0.13 * depth + rng.uniform(-0.06, 0.06)
        mask = board.polygon((inner, top + 0.03), (outer, top), (outer, 0.70), (inner, 0.67))
        board.lay(mask, dark)
        pitch_u, pitch_v = (0.010 + 0.006 * depth), (0.015 + 0.009 * depth)
        part = board.part(min(inner, outer), min(top, top + 0.03), max(inner, outer), 0.72)
        face = part.polygon((inner, top + 0.03), (outer, top), (outer, 0.70), (inner, 0.67))
        cells_u, cells_v = np.floor(part.u / pitch_u).astype(int), np.floor(part.v / pitch_v).astype(int)
        lit = rng.random((400, 400), np.float32)[cells_v % 400, cells_u % 400]
        inside = (np.abs(part.u / pitch_u % 1 - 0.5) < 0.30) & (np.abs(part.v / pitch_v % 1 - 0.5) < 0.28)
        part.lay(face * inside * 0.5, mix(dark, rgb("#4a3a6e"), 0.5).astype(np.float32))
        warm = face * inside * (lit > 0.66) * (part.v < 0.64)
        tint = ramp_lookup(("#ffb45c", "#ffe0a8", "#7fd4ff"), (lit * 40) % 1)
        part.image += tint * (warm * (0.18 + 0.32 * lit))[..., None]
        # The corner towards the street catches its light.
        part.image += rgb("#ff5ab0") * (face * np.exp(-np.abs(part.u - inner) / 0.006) * 0.35)[..., None]
        for _ in range(2 + depth // 2):
            color = rgb(("#ff2f92", "#22e4ff", "#ffae3d", "#9d5cff", "#36ffb0")[int(rng.integers(5))])
            u = inner + side * rng.uniform(0.0, 0.10) * (0.4 + near)
            v = rng.uniform(max(0.08, top), 0.52)
            wide, tall = (0.012 + 0.014 * near) * rng.uniform(0.7, 1.6), rng.uniform(0.05, 0.15) * (0.5 + near)
            if rng.random() < 0.35:
                wide, tall = tall * 0.8, wide
            _sign(board, signs, (u, v + tall), (wide, tall), color)
    small = cv2.resize(signs, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    glow = blur(small, 2.5 * board.unit) * 0.6 + blur(small, 7.5 * board.unit) * 0.4
    board.image += signs * 0.95 + cv2.resize(glow, (board.width, board.height), interpolation=cv2.INTER_LINEAR)


def _sign(
    board: Board, signs: np.ndarray, middle: tuple[float, float], half: tuple[float, float], color: np.ndarray
) -> None:
    """A frame of neon tube with letters of strokes in it, one above the other or side by side."""
    rng = board.rng
    size = np.array((board.width, board.height))
    centre, reach = np.array(middle) * size, np.array(half) * size
    thick = max(1, round(1.3 * board.unit))
    first, last = centre - reach, centre + reach
    layer = np.zeros(signs.shape[:2], np.uint8)
    panel = np.round(np.array((first, last))).astype(int)
    signs[max(0, panel[0, 1]) : max(0, panel[1, 1]), max(0, panel[0, 0]) : max(0, panel[1, 0])] += color * 0.16
    cv2.rectangle(layer, panel[0].tolist(), panel[1].tolist(), 255, thick, cv2.LINE_AA)
    upright = reach[1] > reach[0]
    cell = 2 * min(reach)
    count = max(1, int(2 * max(reach) / max(cell, 1)))
    for index in range(count):
        start = first + np.array((0, index * cell) if upright else (index * cell, 0))
        for _ in range(4):
            ends = rng.integers(0, 4, (2, 2))
            level = int(rng.integers(2))
            ends[1, level] = ends[0, level]  # strokes lie or stand
            ends = np.round((start + cell * (0.2 + 0.2 * ends)) * 8).astype(int)
            cv2.line(layer, ends[0].tolist(), ends[1].tolist(), 255, thick, cv2.LINE_AA, 3)
    left, top, width, height = cv2.boundingRect(layer)
    box = np.s_[top : top + height, left : left + width]
    tube = layer[box].astype(np.float32)[..., None] / 255.0
    signs[box] += tube * mix(color, np.ones(3, np.float32), 0.25) * 0.85


def orbit(board: Board) -> np.ndarray:
    """The limb of the Earth at sunrise, under stars."""
    rng = board.rng
    board.sky("#02030a", "#050817", "#0a1230")
    dust = board.noise(210, 6)
    band = np.exp(-(((board.v - 0.30 - 0.35 * board.side * (board.u - 0.5) + 0.10 * dust) / 0.15) ** 2))
    board.add(band * np.clip(0.35 + dust, 0, 1) * 0.22, "#8a7fd0")
    board.add(band * np.clip(board.noise(90, 5), 0, 1) * 0.18, "#d08a9a")
    stars = np.zeros((board.height, board.width), np.float32)
    count = 460
    ys, xs = rng.integers(0, board.height, count), rng.integers(0, board.width, count)
    stars[ys, xs] = rng.random(count).astype(np.float32) ** 3
    stars = (
        blur(stars, 0.7 * board.unit) * 2.6 * board.unit**2
        + blur(np.where(stars > 0.75, stars, 0), 2.2 * board.unit) * 7 * board.unit**2
    )
    board.add(stars, "#e8efff")
    aspect = board.width / board.height
    radius, centre_u = 1.25, 0.5 - 0.22 * board.side
    centre_v = 0.43 + radius
    dx, dy = (board.u - centre_u) * aspect, board.v - centre_v
    distance = np.sqrt(dx * dx + dy * dy) - radius
    lit = np.clip(0.30 + 0.9 * board.side * dx / 0.8 - 0.4 * np.clip(-distance, 0, 1), 0.06, 1)
    land = board.noise(190, 8)
    relief = board.noise(14, 4)
    sea = ramp_lookup(("#04102a", "#0d3b72", "#2f7fb5"), np.clip(lit + 0.1 * land, 0, 1))
    sea = mix(
        sea,
        ramp_lookup(("#0a0f0a", "#4d5a36", "#a08a5c", "#d8c8a0"), np.clip(lit * (0.8 + 0.7 * relief), 0, 1)),
        smoothstep(0.10, 0.22, land)[..., None],
    )
    swirl_x, swirl_y = board.noise(150, 3) * 40 * board.unit, board.noise(150, 3) * 26 * board.unit
    clouds = warp(board.noise(120, 7, (2.2, 1.0)), swirl_x, swirl_y)
    sea = mix(
        sea,
        np.clip(rgb("#eaf2ff") * (0.12 + 1.0 * lit)[..., None], 0, 1),
        smoothstep(0.0, 0.42, clouds)[..., None] * 0.85,
    )
    board.lay(smoothstep(0.0025, -0.0025, distance), sea)
    inner = np.exp(-np.clip(-distance, 0, 1) / 0.07) * (distance < 0.002)
    outer = np.exp(-np.clip(distance, 0, 1) / 0.034) * (distance >= 0)
    sunward = np.clip(0.25 + 1.1 * board.side * dx, 0.10, 1.2)
    board.add(inner * sunward * 0.75, "#5aa9ff")
    board.add(outer * sunward * 0.95, "#6fb8ff")
    sun_u = 0.5 + 0.40 * board.side
    sun_v = centre_v - np.sqrt(max(0.0, radius**2 - ((sun_u - centre_u) * aspect) ** 2)) - 0.005
    board.soften(0.35)
    board.add(
        board.glow(sun_u, sun_v, 0.028) * 1.4
        + board.glow(sun_u, sun_v, 0.12) * 0.55
        + board.glow(sun_u, sun_v, 0.34) * 0.22,
        "#ffe2b0",
    )
    return board.finish(0.2)


def storybook_village(board: Board) -> np.ndarray:
    """Crooked houses with lit windows on round hills, under an evening sky."""
    rng = board.rng
    board.sky("#3b3f7d", "#8a5f9e", "#e08a8a", "#ffc98a", "#ffe6b0", bottom=0.72)
    clouds = smoothstep(0.02, 0.40, board.noise(120, 5, (2.4, 0.9))) * smoothstep(0.62, 0.2, board.v)
    board.lay(clouds * 0.55, "#ffd8c4")
    moon_u = 0.5 - 0.33 * board.side
    moon = smoothstep(0.052, 0.049, np.hypot((board.u - moon_u) * board.width / board.height, board.v - 0.15))
    board.add(board.glow(moon_u, 0.15, 0.16) * 0.30, "#fff2d0")
    board.lay(moon, "#fff4d6")
    greens = ("#7f8fa8", "#6f9a82", "#5c9163", "#43794e", "#2c5a40")
    for layer, color in enumerate(greens):
        near = layer / 4
        base = 0.47 + 0.095 * layer
        line = board.line(base, 0.075, 150.0 + 30 * layer, 2)
        hill = smoothstep(-0.8, 0.8, board.y - line[None] * board.height)
        depth = np.clip((board.y - line[None] * board.height) / (0.12 * board.height), 0, 1)
        board.lay(hill, np.clip(rgb(color) * (1.18 - 0.38 * depth + 0.05 * board.noise(14, 2))[..., None], 0, 1))
        count = (9, 9, 7, 6, 0)[layer]
        for index in range(count):
            u = (index + rng.uniform(0.2, 0.8)) / count
            if layer >= 2 and 0.27 < u < 0.73:
                u = u - 0.27 if u < 0.5 else u + 0.27
            ground = float(line[min(board.width - 1, max(0, int(u * board.width)))])
            if rng.random() < 0.66:
                _house(board, u, ground + 0.012, (0.050 + 0.075 * near) * rng.uniform(0.85, 1.25))
            else:
                _round_tree(board, u, ground + 0.01, 0.030 + 0.045 * near, color)
    bend = 0.5 + 0.13 * board.side * np.sin((board.v - 0.5) * 9)
    path = smoothstep(1.0, 0.85, np.abs(board.u - bend) / np.maximum(0.006 + 0.16 * (board.v - 0.52), 1e-3))
    board.lay(path * smoothstep(0.54, 0.56, board.v) * 0.8, "#d9b98a")
    board.soften(0.35)
    board.bokeh(22, ("#fff0b0", "#ffd98a"), (1.0, 2.6), (0.45, 0.95), 0.6)
    return board.finish(0.2)


def _house(board: Board, u: float, ground: float, size: float) -> None:
    rng = board.rng
    wall = ("#f3e2c4", "#e8c9a0", "#f0d0c0", "#d8e0d8", "#f6eccf")[int(rng.integers(5))]
    roof = ("#b5473c", "#8a3f5c", "#3f6a8a", "#c46a34", "#5a4a7a")[int(rng.integers(5))]
    tall, lean = size * rng.uniform(0.9, 1.5), size * rng.uniform(-0.15, 0.15)
    aspect = board.height / board.width
    wide = size * 0.62 * aspect
    top = ground - tall
    board.fill(wall, (u - wide, ground), (u - wide * 0.94 + lean, top), (u + wide * 0.94 + lean, top),
               (u + wide, ground), lit=0.22)  # fmt: skip
    for beam in (-0.94, -0.3, 0.34, 0.94):  # half-timbered
        low, high = u + wide * beam, u + wide * 0.95 * beam + lean
        thick = 0.05 * wide
        board.fill("#7a5238", (low - thick, ground), (high - thick, top), (high + thick, top), (low + thick, ground))
    peak = top - size * rng.uniform(0.8, 1.3)
    chimney, pipe, rim = u + lean + wide * 0.5, wide * 0.14, peak + size * 0.2
    board.fill("#8a6a5c", (chimney - pipe, top), (chimney - pipe, rim), (chimney + pipe, rim), (chimney + pipe, top))
    board.fill(roof, (u - wide * 1.32 + lean, top + size * 0.05), (u + lean * 2.2, peak),
               (u + wide * 1.32 + lean, top + size * 0.05), lit=0.28)  # fmt: skip
    for course in (0.2, 0.4, 0.6, 0.8):  # rows of shingles
        reach, v = wide * 1.30 * course, peak + (top + size * 0.05 - peak) * course
        x = u + lean * (2.2 - 1.2 * course)
        board.fill(
            rgb(roof) * 0.72, (x - reach, v), (x + reach, v), (x + reach, v + 0.03 * size), (x - reach, v + 0.03 * size)
        )
    for du, dv in ((-0.62, 0.30), (0.64, 0.30), (-0.62, 0.68)):
        wu, wv = u + du * wide + lean * (1 - dv), top + dv * tall
        for wide_by, high_by, color in ((0.24, 0.168, "#5a3a28"), (0.19, 0.133, "#ffdf8a"), (0.025, 0.133, "#5a3a28")):
            left, right, first, last = (
                wu - wide * wide_by,
                wu + wide * wide_by,
                wv - size * high_by,
                wv + size * high_by,
            )
            board.fill(color, (left, first), (right, first), (right, last), (left, last))
    board.fill("#6a4030", (u - wide * 0.18, ground), (u - wide * 0.18, ground - tall * 0.42),
               (u + wide * 0.24, ground - tall * 0.42), (u + wide * 0.24, ground))  # fmt: skip
    part = board.part(u - 2 * size, top - size, u + 2 * size, ground + size)
    part.add(part.glow(u, top + 0.4 * tall, size * 0.8) * 0.16, "#ffc860")


def _round_tree(board: Board, u: float, ground: float, size: float, color: str) -> None:
    aspect = board.width / board.height
    board.fill(
        "#5a4030",
        (u - size * 0.08, ground),
        (u - size * 0.05, ground - size),
        (u + size * 0.05, ground - size),
        (u + size * 0.08, ground),
    )
    whole, board = board, board.part(u - size * aspect - size, ground - 2.6 * size, u + size * aspect + size, ground)
    distance = np.hypot((board.u - u) * aspect, (board.v - ground + size * 1.5)) / (size * 0.85)
    light = np.clip(
        0.95 + 0.4 * (board.side * (board.u - u) * aspect - (board.v - ground + size * 1.5)) / size, 0.5, 1.5
    )
    leaves = whole.rng.uniform(0.82, 1.12, distance.shape).astype(np.float32)
    leaves = cv2.GaussianBlur(leaves, (0, 0), max(0.6, 1.2 * whole.unit))
    tone = rgb(color) * 0.9 * (light * (1 + 2.2 * (leaves - 0.97)))[..., None]
    board.lay(smoothstep(1.03, 0.97, distance), np.clip(tone, 0, 1).astype(np.float32))

"""Backdrops where people settled: a city at night, a village, a station in orbit."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.operations.canvas import blur, mix, ramp_lookup, rgb, smoothstep, warp
from pipelines.engines.scenery.brushwork import Board


def neon_city(board: Board) -> np.ndarray:
    """A wet street at night between towers with signs."""
    rng = board.rng
    board.sky("#070914", "#141232", "#3a1a4e", "#6b2a5c", bottom=0.62)
    vanish = 0.5 + rng.uniform(-0.06, 0.06)
    for depth in range(5):
        _towers(board, vanish, depth)
    haze = board.glow(vanish, 0.60, 0.34)
    board.add(haze * 0.42, "#ff4fa3")
    board.add(board.glow(vanish, 0.64, 0.16) * 0.5, "#ffb36b")
    street = smoothstep(0.655, 0.675, board.v)
    mirror = board.image[::-1]
    shift = round(0.33 * board.height)  # rows above the horizon, upside down
    mirror = np.roll(mirror, shift, axis=0)
    ripple = board.noise(16, 3, (3.0, 1.0)) * 10 * board.unit * np.clip((board.v - 0.6) * 4, 0, 1)
    wet = warp(
        cv2.blur(np.ascontiguousarray(mirror), (1, max(3, round(34 * board.unit)))), ripple, np.zeros_like(ripple)
    )
    board.lay(street, wet * 0.72 + rgb("#05060d") * 0.28)
    board.soften(3.0)
    board.bokeh(26, ("#ff3d9a", "#2fe0ff", "#ffb04a", "#8a5bff", "#ff5a5a"), (5, 15), (0.30, 0.75), 0.42)
    board.soften(0.8)
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
        cells_u, cells_v = np.floor(board.u / pitch_u).astype(int), np.floor(board.v / pitch_v).astype(int)
        lit = rng.random((400, 400))[cells_v % 400, cells_u % 400]
        inside = (np.abs(board.u / pitch_u % 1 - 0.5) < 0.28) & (np.abs(board.v / pitch_v % 1 - 0.5) < 0.26)
        warm = mask * inside * (lit > 0.72) * (board.v < 0.64)
        tint = ramp_lookup(("#ffb45c", "#ffe0a8", "#7fd4ff"), ((lit * 40) % 1).astype(np.float32))
        board.image += tint * (warm * (0.20 + 0.32 * lit))[..., None]
        for _ in range(2 + depth // 2):
            color = rgb(("#ff2f92", "#22e4ff", "#ffae3d", "#9d5cff", "#36ffb0")[int(rng.integers(5))])
            u = inner + side * rng.uniform(0.0, 0.10) * (0.4 + near)
            v = rng.uniform(max(0.08, top), 0.52)
            wide, tall = (0.010 + 0.012 * near) * rng.uniform(0.7, 1.6), rng.uniform(0.05, 0.15) * (0.5 + near)
            if rng.random() < 0.35:
                wide, tall = tall * 0.8, wide
            box = smoothstep(wide, wide * 0.7, np.abs(board.u - u)) * smoothstep(
                tall, tall * 0.9, np.abs(board.v - v - tall)
            )
            stripe = 0.65 + 0.35 * np.sin(board.v * 240 / (1 + depth))
            signs += color * (box * stripe)[..., None]
    board.image += signs * 0.9 + blur(signs, 10 * board.unit) * 0.9 + blur(signs, 30 * board.unit) * 0.55


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
    land = board.noise(190, 6)
    sea = ramp_lookup(("#04102a", "#0d3b72", "#2f7fb5"), np.clip(lit + 0.1 * land, 0, 1))
    sea = mix(sea, ramp_lookup(("#0a0f0a", "#4d5a36", "#a08a5c"), lit), smoothstep(0.10, 0.22, land)[..., None])
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
    board.soften(0.9)
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
        base = 0.44 + 0.095 * layer
        line = board.line(base, 0.075, 150.0 + 30 * layer, 2)
        hill = smoothstep(-0.8, 0.8, board.y - line[None] * board.height)
        depth = np.clip((board.y - line[None] * board.height) / (0.12 * board.height), 0, 1)
        board.lay(hill, np.clip(rgb(color) * (1.18 - 0.38 * depth + 0.05 * board.noise(14, 2))[..., None], 0, 1))
        for _ in range((5, 6, 6, 4, 0)[layer]):
            u = rng.uniform(0.02, 0.98)
            if layer >= 2 and 0.3 < u < 0.7:
                u = u - 0.3 if u < 0.5 else u + 0.3
            ground = float(line[min(board.width - 1, max(0, int(u * board.width)))])
            if rng.random() < 0.62:
                _house(board, u, ground + 0.012, 0.034 + 0.044 * near)
            else:
                _round_tree(board, u, ground + 0.01, 0.020 + 0.028 * near, color)
    board.soften(1.1)
    board.bokeh(22, ("#fff0b0", "#ffd98a"), (1.2, 3.6), (0.45, 0.95), 0.6)
    return board.finish(0.2)


def _house(board: Board, u: float, ground: float, size: float) -> None:
    rng = board.rng
    wall = ("#f3e2c4", "#e8c9a0", "#f0d0c0", "#d8e0d8", "#f6eccf")[int(rng.integers(5))]
    roof = ("#b5473c", "#8a3f5c", "#3f6a8a", "#c46a34", "#5a4a7a")[int(rng.integers(5))]
    tall, lean = size * rng.uniform(0.9, 1.5), size * rng.uniform(-0.15, 0.15)
    aspect = board.height / board.width
    wide = size * 0.62 * aspect
    top = ground - tall
    body = board.polygon(
        (u - wide, ground), (u - wide * 0.94 + lean, top), (u + wide * 0.94 + lean, top), (u + wide, ground)
    )
    side = np.clip(0.86 + 0.25 * board.side * (board.u - u) / wide, 0.6, 1.1)
    board.lay(body, np.clip(rgb(wall) * side[..., None], 0, 1))
    peak = top - size * rng.uniform(0.8, 1.3)
    chimney, pipe = u + lean + wide * 0.5, wide * 0.14
    rim = peak + size * 0.2
    board.lay(
        board.polygon((chimney - pipe, top), (chimney - pipe, rim), (chimney + pipe, rim), (chimney + pipe, top)),
        "#8a6a5c",
    )
    hat = board.polygon(
        (u - wide * 1.32 + lean, top + size * 0.05), (u + lean * 2.2, peak), (u + wide * 1.32 + lean, top + size * 0.05)
    )
    board.lay(hat, np.clip(rgb(roof) * side[..., None] * 1.05, 0, 1))
    for du, dv in ((-0.42, 0.30), (0.42, 0.30), (-0.42, 0.68)):
        wu, wv = u + du * wide + lean * (1 - dv), top + dv * tall
        w = board.polygon((wu - wide * 0.2, wv - size * 0.13), (wu + wide * 0.2, wv - size * 0.13),
                          (wu + wide * 0.2, wv + size * 0.13), (wu - wide * 0.2, wv + size * 0.13))  # fmt: skip
        board.lay(w, "#ffdf8a")
    door = board.polygon(
        (u + wide * 0.2, ground),
        (u + wide * 0.2, ground - tall * 0.4),
        (u + wide * 0.6, ground - tall * 0.4),
        (u + wide * 0.6, ground),
    )
    board.lay(door, "#6a4030")
    board.add(board.glow(u, top + 0.4 * tall, size * 0.8) * 0.16, "#ffc860")


def _round_tree(board: Board, u: float, ground: float, size: float, color: str) -> None:
    aspect = board.width / board.height
    trunk = board.polygon(
        (u - size * 0.08, ground),
        (u - size * 0.05, ground - size),
        (u + size * 0.05, ground - size),
        (u + size * 0.08, ground),
    )
    board.lay(trunk, "#5a4030")
    distance = np.hypot((board.u - u) * aspect, (board.v - ground + size * 1.5)) / (size * 0.85)
    light = np.clip(
        0.95 + 0.4 * (board.side * (board.u - u) * aspect - (board.v - ground + size * 1.5)) / size, 0.5, 1.5
    )
    board.lay(smoothstep(1.03, 0.97, distance), np.clip(rgb(color) * 0.9 * light[..., None], 0, 1))

"""Backdrops under the sky, under water and above the Earth."""

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


def enchanted_forest(board: Board) -> np.ndarray:
    """Old trees in a green mist, shafts of light, fireflies."""
    rng = board.rng
    board.sky("#c8e0a0", "#7fb27c", "#2e5f4c", "#12302a")
    board.image *= (1 + 0.22 * board.noise(120, 5))[..., None]
    sun_u = 0.5 + 0.22 * board.side
    board.add(board.glow(sun_u, 0.12, 0.40) * 0.55, "#f4f0a6")
    for layer in range(5):
        near = layer / 4
        color = mix(rgb("#86ad84"), rgb("#0b1a15"), near**0.75)
        trunks = np.zeros((board.height, board.width), np.uint8)
        for _ in range(11 - 2 * layer):
            u = rng.uniform(-0.05, 1.05)
            if layer >= 3 and 0.22 < u < 0.78:
                u = 0.10 if u < 0.5 else 0.90
            _tree(board, trunks, u, 0.010 + 0.017 * near + rng.uniform(0, 0.006))
        mask = blur(trunks.astype(np.float32) / 255.0, (0.8 + 0.9 * abs(layer - 3)) * board.unit)
        bark = 1 + 0.5 * board.noise(9, 2, (0.6, 5.0)) * near
        rim = np.clip(mask - np.roll(mask, round(2 * board.unit * board.side), axis=1), 0, 1)
        board.lay(mask, np.clip(color * bark[..., None], 0, 1))
        board.add(
            np.clip(np.roll(rim, -round(2 * board.unit * board.side), axis=1), 0, 1) * mask * (0.25 + 0.2 * near),
            "#cfe89a",
        )
        ground = board.ridge(0.70 + 0.075 * layer, 0.035, 60)
        board.lay(ground * 0.9, mix(rgb("#7aa376"), rgb("#0d2218"), near**0.8))
        mist = 0.22 * (1 - near) * np.exp(-(((board.v - 0.72) / 0.22) ** 2)) * (1 + board.noise(140, 3))
        board.lay(np.clip(mist, 0, 1), "#b9d8ac")
    leaves = board.noise(26, 3)
    crown = smoothstep(0.30, 0.02, board.v + 0.20 * board.noise(100, 4)) * smoothstep(-0.05, 0.2, leaves)
    board.lay(crown * 0.75, "#1c4030")
    shafts = board.rays(sun_u, -0.15, 46.0) * np.exp(-(((board.v - 0.2) / 0.6) ** 2)) * board.glow(sun_u, 0.25, 0.62)
    board.add(shafts * 0.38, "#eef2a8")
    board.soften(2.2)
    board.bokeh(34, ("#f6ff9e", "#c9ff7a", "#fff2b8"), (1.4, 5.0), (0.25, 0.95), 0.75)
    board.bokeh(12, ("#d6f7a0", "#9fe0a8"), (9, 20), (0.05, 0.5), 0.14)
    return board.finish(0.4)


def _tree(board: Board, layer: np.ndarray, u: float, half: float) -> None:
    """A trunk that leans and widens at its foot, with a few boughs."""
    rng = board.rng
    lean, curve = rng.uniform(-0.05, 0.05), rng.uniform(-0.03, 0.03)
    v = np.linspace(-0.05, 1.02, 24)
    middle = u + lean * (1 - v) + curve * np.sin(v * 4)
    wide = half * (0.55 + 0.35 * v + 0.9 * np.clip(v - 0.72, 0, 1) ** 1.5 * 6)
    points = np.concatenate((np.stack((middle - wide, v), 1), np.stack((middle + wide, v), 1)[::-1]))
    cv2.fillPoly(layer, [np.round(points * (board.width, board.height)).astype(np.int32)], 255, cv2.LINE_AA)
    for _ in range(3):
        index = int(rng.integers(3, 13))
        side = rng.choice((-1, 1))
        x, y = middle[index] * board.width, v[index] * board.height
        for _ in range(5):
            nx, ny = x + side * rng.uniform(10, 26) * board.unit, y - rng.uniform(-2, 18) * board.unit
            thick = max(1, round(half * board.width * 0.5))
            cv2.line(layer, (round(x), round(y)), (round(nx), round(ny)), 255, thick, cv2.LINE_AA)
            x, y = nx, ny


def underwater(board: Board) -> np.ndarray:
    """Light falls through the sea on a far reef."""
    rng = board.rng
    board.sky("#a8f0e6", "#3fb8cf", "#137aa8", "#07406e", "#03203f")
    sun_u = 0.5 + 0.18 * board.side
    surface = np.abs(board.noise(60, 3, (2.6, 0.8)))
    board.add(np.exp(-surface * 16) * smoothstep(0.20, 0.0, board.v) * 0.55, "#e8fff6")
    for layer, color in enumerate(("#1a7aa0", "#10608a", "#0a4870", "#062f52")):
        board.lay(board.ridge(0.74 + 0.07 * layer, 0.10, 80.0, 5) * 0.85, color)
        for _ in range(5):
            _kelp(board, rng.choice((rng.uniform(0, 0.3), rng.uniform(0.7, 1.0))), 0.40 + 0.1 * layer, color)
    for _ in range(3):
        _school(board)
    shafts = board.rays(sun_u, -0.35, 34.0) * np.exp(-((board.v / 0.75) ** 2)) * board.glow(sun_u, 0.1, 0.7)
    board.add(shafts * 0.55, "#c8fff0")
    board.add(board.glow(sun_u, -0.02, 0.30) * 0.55, "#e6fff4")
    board.soften(2.2)
    for _ in range(46):
        u, v, radius = rng.random(), rng.random(), (1.2 + 5.5 * rng.random() ** 3) * board.unit
        _bubble(board, u, v, radius)
    board.bokeh(40, ("#d6fff4", "#a0f0ff"), (0.8, 2.6), (0.0, 1.0), 0.30)
    return board.finish(0.3)


def _kelp(board: Board, u: float, top: float, color: str) -> None:
    layer = np.zeros((board.height, board.width), np.uint8)
    v = np.linspace(1.02, top, 30)
    sway = board.rng.uniform(2, 5)
    middle = u + 0.022 * np.sin(v * 9 + sway) * (1.2 - v)
    points = np.round(np.stack((middle, v), 1) * (board.width, board.height)).astype(np.int32)
    cv2.polylines(layer, [points], False, 255, max(1, round(3 * board.unit)), cv2.LINE_AA)
    for (x, y), turn in zip(points[::2], np.tile((-1, 1), 8), strict=False):
        end = (int(x + turn * 13 * board.unit), int(y - 11 * board.unit))
        leaf = ((int(x) + end[0]) // 2, (int(y) + end[1]) // 2)
        axes = (round(9 * board.unit), max(1, round(2.6 * board.unit)))
        cv2.ellipse(layer, leaf, axes, -40.0 * turn, 0, 360, 255, -1, cv2.LINE_AA)
    board.lay(layer.astype(np.float32) / 255.0 * 0.8, color)


def _school(board: Board) -> None:
    """Small far fish that swim one way."""
    rng = board.rng
    layer = np.zeros((board.height, board.width), np.uint8)
    u, v, way = (
        rng.choice((rng.uniform(0.02, 0.25), rng.uniform(0.72, 0.98))),
        rng.uniform(0.2, 0.62),
        rng.choice((-1, 1)),
    )
    for _ in range(16):
        x = round((u + rng.normal(0, 0.055)) * board.width)
        y = round((v + rng.normal(0, 0.035)) * board.height)
        size = board.unit * rng.uniform(2.4, 4.4)
        cv2.ellipse(
            layer, (x, y), (max(1, round(size)), max(1, round(size * 0.42))), 8.0 * way, 0, 360, 255, -1, cv2.LINE_AA
        )
        tail = np.array(
            [(x - way * size * 0.8, y), (x - way * size * 1.6, y - size * 0.5), (x - way * size * 1.6, y + size * 0.5)]
        )
        cv2.fillPoly(layer, [np.round(tail).astype(np.int32)], 255, cv2.LINE_AA)
    board.lay(layer.astype(np.float32) / 255.0 * 0.6, "#0b4a70")


def _bubble(board: Board, u: float, v: float, radius: float) -> None:
    x, y = u * board.width, v * board.height
    x0, x1 = max(0, int(x - radius - 3)), min(board.width, int(x + radius + 4))
    y0, y1 = max(0, int(y - radius - 3)), min(board.height, int(y + radius + 4))
    dx, dy = board.x[y0:y1, x0:x1] - x, board.y[y0:y1, x0:x1] - y
    distance = np.sqrt(dx * dx + dy * dy)
    rim = np.exp(-(((distance - radius) / max(0.8, 0.16 * radius)) ** 2)) * 0.42
    spark = np.exp(-((dx + 0.4 * radius) ** 2 + (dy + 0.4 * radius) ** 2) / max(0.6, (0.22 * radius) ** 2)) * 0.8
    board.image[y0:y1, x0:x1] += (rim + spark)[..., None] * rgb("#e2fff8")


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


def desert_dusk(board: Board) -> np.ndarray:
    """Dunes after sunset."""
    board.sky("#1c1b4a", "#4a2f78", "#a24a86", "#f0796a", "#ffc27a", bottom=0.54)
    stars = (board.rng.random((board.height, board.width)) > 0.9993).astype(np.float32)
    board.add(blur(stars, 0.7 * board.unit) * 2.2 * smoothstep(0.42, 0.0, board.v), "#fff2ff")
    sun_u = 0.5 + 0.30 * board.side
    board.add(board.glow(sun_u, 0.48, 0.42) * 0.34, "#ffb070")
    sun = smoothstep(0.066, 0.062, np.hypot((board.u - sun_u) * board.width / board.height, board.v - 0.465))
    board.lay(sun, "#fff0c0")
    bands = board.noise(150, 4, (4.0, 0.45))
    board.lay(
        smoothstep(0.10, 0.4, bands) * smoothstep(0.58, 0.36, board.v) * smoothstep(0.08, 0.3, board.v) * 0.5, "#ffb09a"
    )
    board.lay(board.ridge(0.50, 0.03, 110) * 0.85, "#9a5a86")
    for layer in range(4):
        base = 0.53 + 0.11 * layer
        line = board.line(base, 0.085 + 0.02 * layer, 230 + 50 * layer, 2)
        below = board.y - line[None] * board.height
        # The windward slope is lit, the lee lies in shade; the crest between them is sharp.
        slope = np.gradient(blur(line[None].astype(np.float32), 6 * board.unit)[0]) * board.width
        lit = smoothstep(-0.20, 0.20, -board.side * slope)[None] * np.exp(
            -np.clip(below, 0, None) / (0.16 * board.height)
        )
        near = layer / 3
        shade, light = mix(rgb("#8a4a78"), rgb("#3a1f3a"), near), mix(rgb("#ffab78"), rgb("#d8743f"), near)
        dune = mix(
            np.broadcast_to(shade, board.image.shape),
            np.broadcast_to(light, board.image.shape),
            np.clip(lit + 0.12, 0, 1),
        )
        ripples = np.sin(below / board.unit * (0.9 - 0.12 * layer) + 6 * board.noise(60, 2)) * 0.035 * near
        board.lay(smoothstep(-0.7, 0.7, below), np.clip(dune * (1 + ripples)[..., None], 0, 1))
    board.soften(1.7)
    board.add(board.glow(sun_u, 0.465, 0.12) * 0.28, "#ffd9a0")
    return board.finish(0.25)


def alpine_lake(board: Board) -> np.ndarray:
    """Snow peaks mirrored in a still lake, firs on the shore."""
    rng = board.rng
    shore = 0.56
    board.sky("#3f78b8", "#8ab8dc", "#d8e8ee", "#fbeedd", bottom=shore)
    clouds = smoothstep(0.05, 0.5, board.noise(140, 6, (2.0, 1.0)))
    board.lay(clouds * 0.7 * smoothstep(0.5, 0.1, board.v), "#ffffff")
    for base, amount, cell, rock, snow in (
        (0.30, 0.26, 150.0, "#8398b4", 1.0),
        (0.39, 0.20, 110.0, "#5f7794", 0.75),
        (0.49, 0.10, 80.0, "#496478", 0.2),
    ):
        line = board.line(base, amount, cell, 6)
        below = (board.y - line[None] * board.height) / board.height
        gullies = board.noise(30, 5, (0.8, 2.0))
        ridge_light = board.noise(56, 4, (0.9, 1.6))
        lit = smoothstep(-0.22, 0.22, ridge_light * board.side + 0.10)
        stone = np.clip(rgb(rock) * (0.75 + 0.45 * lit + 0.15 * gullies)[..., None], 0, 1)
        white = mix(np.broadcast_to(rgb("#a9bfdc"), stone.shape), np.broadcast_to(rgb("#fffaf2"), stone.shape), lit)
        cover = smoothstep(0.26 * snow, 0.04 * snow, below + 0.16 * gullies) if snow > 0.3 else np.zeros_like(below)
        board.lay(smoothstep(-0.0012, 0.0012, below), mix(stone, white, cover))
        board.lay(np.exp(-(((board.v - shore) / 0.08) ** 2)) * 0.35, "#cfdde6")
    firs = np.zeros((board.height, board.width), np.uint8)
    for _ in range(120):
        _fir(board, firs, rng.uniform(-0.02, 1.02), shore + 0.004, rng.uniform(0.025, 0.062))
    board.lay(firs.astype(np.float32) / 255.0, "#24423f")
    water = board.v > shore
    rows = np.clip(2 * shore * board.height - board.y, 0, board.height - 1)
    ripple = board.noise(10, 3, (7.0, 0.8)) * 3.2 * board.unit * np.clip((board.v - shore) * 7, 0, 1)
    mirror = cv2.remap(
        np.ascontiguousarray(board.image),
        board.x + ripple,
        rows + 2.2 * ripple,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    deep = np.clip((board.v - shore) / (1 - shore), 0, 1)
    mirror = mix(mirror * 0.86, np.broadcast_to(rgb("#1f5a72"), mirror.shape), 0.18 + 0.45 * deep)
    board.lay(water.astype(np.float32), mirror)
    board.add(np.exp(-(((board.v - shore) / 0.004) ** 2)) * 0.25, "#ffffff")
    board.soften(1.9)
    board.add(board.glow(0.5 + 0.4 * board.side, 0.05, 0.5) * 0.16, "#fff0d0")
    return board.finish(0.2)


def _fir(board: Board, layer: np.ndarray, u: float, ground: float, tall: float) -> None:
    x, y, h = u * board.width, ground * board.height, tall * board.height
    for tier in range(4):
        top, bottom = y - h + tier * h * 0.2, y - h * 0.62 + tier * h * 0.21
        half = h * (0.09 + 0.055 * tier)
        points = np.array([(x, top), (x - half, bottom), (x + half, bottom)])
        cv2.fillPoly(layer, [np.round(points * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)


def blossom_garden(board: Board) -> np.ndarray:
    """Cherry boughs in flower, petals in the air."""
    rng = board.rng
    board.sky("#bfe0f2", "#e6eef4", "#fbe6ea", "#cfe0b8", "#8fb07a")
    board.image *= (1 + 0.08 * board.noise(120, 4))[..., None]
    board.add(board.glow(0.5 + 0.3 * board.side, 0.1, 0.5) * 0.22, "#fff4d8")
    board.bokeh(46, ("#ffc4d8", "#ffe0ea", "#f7a8c4"), (12, 30), (0.0, 0.55), 0.16)
    board.bokeh(26, ("#a8c888", "#cfe0a0"), (10, 24), (0.6, 1.0), 0.13)
    board.soften(4.0)
    for layer in range(3):
        boughs = np.zeros((board.height, board.width), np.uint8)
        tips: list[tuple[float, float]] = []
        for _ in range(4):
            edge = rng.choice((-1, 1))
            start = (0.5 + 0.56 * edge, rng.uniform(-0.05, 0.42))
            _bough(board, boughs, start, np.pi * (0.5 + 0.5 * edge) + rng.uniform(-0.5, 0.5), 0.9, tips)
        board.lay(boughs.astype(np.float32) / 255.0, ("#8a6a70", "#6a4a50", "#4a3038")[layer])
        flowers = np.zeros_like(board.image)
        cover = np.zeros((board.height, board.width), np.float32)
        for x, y in tips:
            for _ in range(6):
                at = (x + rng.normal(0, 11 * board.unit), y + rng.normal(0, 9 * board.unit))
                radius = rng.uniform(2.2, 5.4) * board.unit * (0.7 + 0.25 * layer)
                color = mix(rgb("#f58fb4"), rgb("#fff2f6"), float(rng.random()))
                cv2.circle(
                    flowers, (round(at[0]), round(at[1])), max(1, round(radius)), color.tolist(), -1, cv2.LINE_AA
                )
                cv2.circle(cover, (round(at[0]), round(at[1])), max(1, round(radius)), 1.0, -1, cv2.LINE_AA)
        board.lay(cover, flowers)
        board.soften((2.6, 1.7, 1.4)[layer])
    petals = np.zeros((board.height, board.width), np.uint8)
    for _ in range(46):
        at = (round(rng.random() * board.width), round(rng.random() * board.height))
        size = rng.uniform(1.6, 4.2) * board.unit
        cv2.ellipse(
            petals,
            at,
            (max(1, round(size)), max(1, round(size * 0.5))),
            float(rng.uniform(0, 180)),
            0,
            360,
            255,
            -1,
            cv2.LINE_AA,
        )
    board.lay(blur(petals.astype(np.float32) / 255.0, 0.9 * board.unit) * 0.9, "#ffd0e0")
    return board.finish(0.12)


def _bough(
    board: Board,
    layer: np.ndarray,
    start: tuple[float, float],
    angle: float,
    size: float,
    tips: list[tuple[float, float]],
) -> None:
    """A branch that wanders and forks; `tips` collects where flowers sit, in pixels."""
    rng = board.rng
    x, y = start[0] * board.width, start[1] * board.height
    while size > 0.16:
        long = 30 * size * board.unit
        nx, ny = x + np.cos(angle) * long, y + np.sin(angle) * long
        cv2.line(
            layer, (round(x), round(y)), (round(nx), round(ny)), 255, max(1, round(7 * size * board.unit)), cv2.LINE_AA
        )
        if size < 0.75:
            tips.append((nx, ny))
        if rng.random() < 0.45 and size > 0.35:
            _bough(
                board,
                layer,
                (nx / board.width, ny / board.height),
                angle + rng.choice((-1, 1)) * rng.uniform(0.5, 0.9),
                size * 0.7,
                tips,
            )
        x, y, size = nx, ny, size * 0.86
        angle += rng.normal(0, 0.28)

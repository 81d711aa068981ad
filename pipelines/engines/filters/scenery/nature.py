"""Backdrops of forest, water, desert, mountains and garden."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import blur, mix, rgb, smoothstep
from pipelines.engines.filters.scenery.brushwork import Board


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
        mask = blur(trunks.astype(np.float32) / 255.0, (0.5 + 0.35 * abs(layer - 3)) * board.unit)
        bark = 1 + 0.5 * board.noise(9, 2, (0.6, 5.0)) * near
        rim = np.clip(mask - np.roll(mask, round(2 * board.unit * board.side), axis=1), 0, 1)
        board.lay(mask, np.clip(color * bark[..., None], 0, 1))
        board.add(
            np.clip(np.roll(rim, -round(2 * board.unit * board.side), axis=1), 0, 1) * mask * (0.25 + 0.2 * near),
            "#cfe89a",
        )
        ground = board.ridge(0.70 + 0.075 * layer, 0.035, 60)
        board.lay(ground * 0.9, mix(rgb("#7aa376"), rgb("#0d2218"), near**0.8))
        _ferns(board, 0.73 + 0.075 * layer, 0.5 + near, mix(rgb("#5f9068"), rgb("#0a1c14"), near**0.8))
        mist = 0.22 * (1 - near) * np.exp(-(((board.v - 0.72) / 0.22) ** 2)) * (1 + board.noise(140, 3))
        board.lay(np.clip(mist, 0, 1), "#b9d8ac")
    for cell, leaf, deep in ((13, "#2a5a3c", 0.34), (17, "#153226", 0.20)):
        leaves = board.noise(cell, 3)
        crown = smoothstep(deep, deep - 0.22, board.v + 0.22 * board.noise(100, 4) - 0.16 * np.abs(board.u - 0.5))
        board.lay(crown * smoothstep(-0.02, 0.06, leaves) * 0.9, leaf)
    shafts = board.rays(sun_u, -0.15, 46.0) * np.exp(-(((board.v - 0.2) / 0.6) ** 2)) * board.glow(sun_u, 0.25, 0.62)
    board.add(shafts * 0.38, "#eef2a8")
    board.soften(0.5)
    board.bokeh(34, ("#f6ff9e", "#c9ff7a", "#fff2b8"), (1.4, 5.0), (0.25, 0.95), 0.75)
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


def _ferns(board: Board, ground: float, size: float, color: np.ndarray) -> None:
    """Blades of undergrowth along the ground."""
    rng = board.rng
    layer = np.zeros((board.height, board.width), np.uint8)
    for _ in range(70):
        x, y = rng.random() * board.width, (ground + rng.uniform(-0.02, 0.05)) * board.height
        for lean in rng.uniform(-1, 1, 4):
            tall = rng.uniform(7, 17) * size * board.unit
            tip = (x + lean * tall, y - tall * (1 - 0.4 * abs(lean)))
            foot = 1.4 * size * board.unit
            blade = np.array([(x - foot, y), tip, (x + foot, y)])
            cv2.fillPoly(layer, [np.round(blade * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
    board.lay(layer.astype(np.float32) / 255.0 * 0.9, color.astype(np.float32))


def underwater(board: Board) -> np.ndarray:
    """Light falls through the sea on a far reef."""
    rng = board.rng
    board.sky("#a8f0e6", "#3fb8cf", "#137aa8", "#07406e", "#03203f")
    sun_u = 0.5 + 0.18 * board.side
    surface = np.abs(board.noise(60, 3, (2.6, 0.8)))
    board.add(np.exp(-surface * 16) * smoothstep(0.20, 0.0, board.v) * 0.55, "#e8fff6")
    for layer, color in enumerate(("#1a7aa0", "#10608a", "#0a4870", "#062f52")):
        rock = rgb(color) * (1 + 0.45 * board.noise(16, 4))[..., None]
        board.lay(board.ridge(0.70 + 0.07 * layer, 0.12, 80.0, 5) * 0.9, np.clip(rock, 0, 1).astype(np.float32))
        _corals(board, 0.74 + 0.075 * layer, 0.5 + 0.25 * layer, 0.75 - 0.12 * layer)
        for _ in range(5):
            _kelp(board, rng.choice((rng.uniform(0, 0.3), rng.uniform(0.7, 1.0))), 0.40 + 0.1 * layer, color)
    for _ in range(4):
        _school(board)
    shafts = board.rays(sun_u, -0.35, 34.0) * np.exp(-((board.v / 0.75) ** 2)) * board.glow(sun_u, 0.1, 0.7)
    board.add(shafts * 0.55, "#c8fff0")
    board.add(board.glow(sun_u, -0.02, 0.30) * 0.55, "#e6fff4")
    board.soften(0.5)
    for _ in range(46):
        u, v, radius = rng.random(), rng.random(), (1.2 + 5.5 * rng.random() ** 3) * board.unit
        _bubble(board, u, v, radius)
    board.bokeh(40, ("#d6fff4", "#a0f0ff"), (0.8, 2.6), (0.0, 1.0), 0.30)
    return board.finish(0.3)


def _corals(board: Board, ground: float, size: float, dim: float) -> None:
    """Fans, tubes and cushions in colours that the water dims."""
    rng = board.rng
    colors = ("#ff7a6a", "#ffb04a", "#d060b0", "#8a6af0", "#f0e070", "#ff5a8a")
    for _ in range(11):
        u = rng.choice((rng.uniform(0, 0.36), rng.uniform(0.64, 1.0)))
        color = mix(rgb(colors[int(rng.integers(len(colors)))]), rgb("#0d5a86"), dim).astype(np.float32)
        v, r = ground + rng.uniform(-0.02, 0.05), 0.028 * size * rng.uniform(0.6, 1.5)
        part = board.part(u - 2 * r, v - 3 * r, u + 2 * r, v + r)
        dx, dy = (part.u - u) / r * board.width / board.height, (part.v - v) / r
        kind = int(rng.integers(3))
        if kind == 0:  # a fan of ribs
            _, angle = cv2.cartToPolar(dx, -dy)
            shape = (np.hypot(dx, dy + 0.2) < 1.5 + 0.2 * np.sin(angle * 9)) & (dy < 0.3)
            tone = 0.75 + 0.35 * np.sin(angle * 26) * np.sin(np.hypot(dx, dy) * 9)
        elif kind == 1:  # tubes
            shape = (np.abs(dx) < 1.1) & (dy < 0.3) & (dy > -1.3 - 0.6 * np.cos(dx * 2.2) + 0.3 * np.sin(dx * 11))
            tone = 0.75 + 0.4 * np.sin(dx * 11 + board.side)
        else:  # a cushion
            shape = np.hypot(dx, 1.3 * dy) < 1.1
            tone = 0.8 + 0.3 * np.sin(dx * 13) * np.sin(dy * 13) - 0.35 * dy
        mask = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), 0.6)
        part.lay(mask, np.clip(color * np.clip(tone, 0.4, 1.3)[..., None], 0, 1).astype(np.float32))


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
        # A dune's ridge runs on down the slope, aslant, so light and shade do too.
        reach = np.clip(below, 0, None)
        at = board.x + board.side * 1.1 * reach + 0.12 * reach * np.sin(board.x / (90 * board.unit))
        way = smoothstep(-0.12, 0.12, -board.side * slope)[np.clip(at, 0, board.width - 1).astype(np.int32)]
        lit = way * np.exp(-reach / (0.22 * board.height))
        near = layer / 3
        shade, light = mix(rgb("#8a4a78"), rgb("#3a1f3a"), near), mix(rgb("#ffab78"), rgb("#d8743f"), near)
        dune = mix(
            np.broadcast_to(shade, board.image.shape),
            np.broadcast_to(light, board.image.shape),
            np.clip(lit + 0.12, 0, 1),
        )
        sand = 0.05 * board.noise(3, 2, (2.0, 0.7))
        ripples = np.sin(below / board.unit * (0.9 - 0.12 * layer) + 6 * board.noise(60, 2)) * 0.07 * near + sand
        board.lay(smoothstep(-0.7, 0.7, below), np.clip(dune * (1 + ripples)[..., None], 0, 1))
    board.soften(0.5)
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
    for _ in range(110):
        _fir(board, firs, rng.uniform(-0.02, 1.02), shore + 0.004, rng.uniform(0.03, 0.075))
    for _ in range(16):  # taller ones at both sides
        _fir(board, firs, 0.5 + rng.choice((-1, 1)) * rng.uniform(0.30, 0.54), shore + 0.01, rng.uniform(0.10, 0.19))
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
    board.soften(0.5)
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
    board.sky("#8fc4ea", "#cfe6f4", "#fbeef0", bottom=0.56)
    clouds = smoothstep(0.05, 0.5, board.noise(120, 5, (2.0, 0.9))) * smoothstep(0.5, 0.1, board.v)
    board.lay(clouds * 0.7, "#ffffff")
    board.lay(board.ridge(0.50, 0.05, 110) * 0.7, "#a9bccb")
    lawn = mix(rgb("#a9cc86"), rgb("#4f8a44"), smoothstep(0.55, 1.0, board.v)[..., None])
    lawn = lawn * (1 + 0.30 * board.noise(7, 3, (2.2, 0.8)))[..., None]
    board.lay(smoothstep(0.555, 0.562, board.v), np.clip(lawn, 0, 1).astype(np.float32))
    bend = 0.5 - 0.16 * board.side * np.sin((board.v - 0.55) * 4.5)
    path = smoothstep(1.0, 0.9, np.abs(board.u - bend) / np.maximum(0.010 + 0.42 * (board.v - 0.56), 1e-3))
    board.lay(path * (board.v > 0.56) * 0.95, np.clip(rgb("#ecd9c6") * (1 + 0.10 * board.noise(5, 2))[..., None], 0, 1))
    for row in range(4):
        for side in (-1, 1):
            for _ in range(2):
                u = 0.5 + side * (0.10 + 0.13 * row + rng.uniform(-0.04, 0.06))
                _cherry_tree(board, u, 0.575 + 0.055 * row, 0.040 + 0.032 * row)
    board.add(board.glow(0.5 + 0.3 * board.side, 0.1, 0.5) * 0.16, "#fff4d8")
    for layer in range(2):
        boughs = np.zeros((board.height, board.width), np.uint8)
        tips: list[tuple[float, float]] = []
        for _ in range(3):
            edge = rng.choice((-1, 1))
            start = (0.5 + 0.56 * edge, rng.uniform(-0.05, 0.30))
            _bough(board, boughs, start, np.pi * (0.5 + 0.5 * edge) + rng.uniform(-0.5, 0.5), 0.9, tips)
        board.lay(boughs.astype(np.float32) / 255.0, ("#6a4a50", "#4a3038")[layer])
        flowers = np.zeros_like(board.image)
        cover = np.zeros((board.height, board.width), np.float32)
        for x, y in tips:
            for _ in range(5):
                at = (x + rng.normal(0, 11 * board.unit), y + rng.normal(0, 9 * board.unit))
                _flower(board, flowers, cover, at, rng.uniform(2.4, 4.6) * board.unit * (0.8 + 0.3 * layer))
        board.lay(cover, flowers)
    board.soften(0.4)
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


def _cherry_tree(board: Board, u: float, ground: float, size: float) -> None:
    """A crown of many small pink clouds on a dark trunk, lit from the side."""
    rng = board.rng
    tall = size * board.height
    foot = np.array((u * board.width, ground * board.height))
    half = tall / board.width
    corners = ((u - 0.08 * half, ground), (u - 0.05 * half, ground - size))
    board.fill("#5a3c40", *corners, (u + 0.05 * half, ground - size), (u + 0.08 * half, ground))
    for shade in range(5):
        for _ in range(26):
            angle, far = rng.uniform(0, 2 * np.pi), np.sqrt(rng.random()) * (1 - 0.13 * shade)
            across = 0.75 * far * np.cos(angle) + 0.10 * board.side * shade
            down = 0.5 * far * np.sin(angle) - 1.35 - 0.06 * shade
            at = np.round(np.array((across, down)) * tall + foot).astype(int)
            color = mix(rgb("#b8587f"), rgb("#fff0f6"), float(np.clip(0.24 * shade + rng.uniform(-0.08, 0.12), 0, 1)))
            radius = max(1, round(rng.uniform(0.06, 0.15) * tall * (1.1 - 0.12 * shade)))
            cv2.circle(board.image, at.tolist(), radius, color.tolist(), -1, cv2.LINE_AA)


def _flower(board: Board, flowers: np.ndarray, cover: np.ndarray, at: tuple[float, float], radius: float) -> None:
    """Five petals around a dark heart."""
    rng = board.rng
    color = mix(rgb("#f58fb4"), rgb("#fff2f6"), float(rng.random()))
    turn, size = rng.uniform(0, 1.2), max(1, round(0.62 * radius))
    for petal in range(5):
        angle = turn + petal * 2 * np.pi / 5
        point = (round(at[0] + 0.62 * radius * np.cos(angle)), round(at[1] + 0.62 * radius * np.sin(angle)))
        cv2.circle(flowers, point, size, color.tolist(), -1, cv2.LINE_AA)
        cv2.circle(cover, point, size, 1.0, -1, cv2.LINE_AA)
    heart = (round(at[0]), round(at[1]))
    cv2.circle(flowers, heart, max(1, round(0.25 * radius)), rgb("#c8507a").tolist(), -1, cv2.LINE_AA)
    cv2.circle(cover, heart, max(1, round(0.25 * radius)), 1.0, -1, cv2.LINE_AA)


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

"""Backdrops under a roof."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import mix, ramp_lookup, rgb, smoothstep
from pipelines.engines.filters.scenery.brushwork import Board

_STUDIO_CLOTHS = (
    ("#1d1a17", "#5d5346", "#a8977c"),
    ("#14181d", "#46525c", "#8d9ba3"),
    ("#191612", "#53503a", "#98926c"),
    ("#1c1316", "#5e3f42", "#a47d78"),
)


def studio(board: Board) -> np.ndarray:
    """A hand-painted canvas with a pool of light behind the head."""
    cloth = _STUDIO_CLOTHS[int(board.rng.integers(len(_STUDIO_CLOTHS)))]
    pool = board.glow(0.5 - 0.16 * board.side, 0.40, 0.55)
    brushed = 0.6 * board.noise(150, 5) + 0.35 * board.noise(46, 4, (1.0, 1.8)) + 0.22 * board.noise(9, 3, (2.6, 1.0))
    tone = 0.10 + 0.62 * pool + 0.26 * brushed
    # The window throws its panes on the cloth, aslant.
    across = (board.u - 0.5 - 0.20 * board.side) * board.width / board.height - 0.30 * board.side * (board.v - 0.3)
    down = board.v - 0.34 + 0.22 * board.side * across
    pane = smoothstep(0.30, 0.28, np.abs(across)) * smoothstep(0.37, 0.35, np.abs(down))
    bars = smoothstep(0.008, 0.016, np.abs(across)) * smoothstep(0.008, 0.016, np.abs((down + 0.12) % 0.24 - 0.12))
    tone = tone + 0.20 * pane * bars * (1 + 0.5 * brushed)
    # Where the cloth meets the floor it bends and catches a line of light.
    tone = tone - 0.16 * smoothstep(0.86, 0.99, board.v) + 0.06 * np.exp(-(((board.v - 0.87) / 0.02) ** 2))
    board.image = ramp_lookup(cloth, np.clip(tone, 0, 1))
    return board.finish(0.30)


def renaissance_hall(board: Board) -> np.ndarray:
    """A loggia: dark wall, lit columns, an arch open to blue hills."""
    open_right = board.side < 0  # the light enters from one side, the view opens on the other
    board.sky("#33271b", "#4a3826", "#2a1f15")
    wall = board.noise(90, 5)
    # Courses of stone.
    course = board.v * 11
    joint = np.minimum(np.abs(course % 1 - 0.5), np.abs((board.u * 5 + 0.5 * (course.astype(int) % 2)) % 1 - 0.5) * 2.2)
    board.image *= (1 + 0.16 * wall + 0.07 * board.noise(7, 3) - 0.16 * smoothstep(0.035, 0.0, joint))[..., None]
    board.add(board.glow(0.5 + 0.42 * board.side, 0.30, 0.55) * 0.24, "#d9a25c")
    for middle, half, top in ((0.79, 0.195, 0.27), (0.14, 0.125, 0.33)):
        u = middle if open_right else 1 - middle
        _arch(board, u, half, top)
    for middle, half in ((0.585, 0.026), (0.985, 0.040), (0.275, 0.024), (0.015, 0.034)):
        _column(board, middle if open_right else 1 - middle, half)
    floor = smoothstep(0.895, 0.905, board.v)
    depth = 1 / np.maximum(board.v - 0.80, 0.02)
    tiles = ((depth * 0.9).astype(int) + np.floor((board.u - 0.5) * depth * 0.9 + 50).astype(int)) % 2
    board.lay(floor, rgb("#2a1c11") * (0.8 + 0.9 * tiles)[..., None].astype(np.float32))
    beam = board.rays(0.5 + 0.75 * board.side, -0.25, 90.0) * board.glow(0.5 + 0.45 * board.side, 0.15, 0.75)
    board.add(beam * 0.17, "#ffcf8a")
    board.soften(0.5)
    return board.finish(0.40)


def _arch(board: Board, middle: float, half: float, top: float) -> None:
    """An opening with a round head; behind it a hazy landscape; its inner edge is lit."""
    du = np.abs(board.u - middle)
    aspect = board.width / board.height
    round_top = np.hypot(du * aspect, np.minimum(board.v - top, 0)) - half * aspect
    inside = smoothstep(0.004, -0.004, round_top) * (board.v < 0.86)
    reveal = smoothstep(0.030, 0.022, round_top) * (board.v < 0.875)
    board.lay(
        reveal, np.clip(rgb("#8a6c47") * (0.75 + 0.5 * (board.side * (board.u - middle) / half))[..., None], 0, 1)
    )
    sky = ramp_lookup(("#7fa3b8", "#b9c6bd", "#e6d3a6"), np.clip((board.v - 0.1) / 0.5, 0, 1))
    view = sky.astype(np.float32)
    for base, amount, color, cell in (
        (0.54, 0.12, "#8fa9ac", 110.0),
        (0.61, 0.08, "#6d8a82", 90.0),
        (0.68, 0.06, "#55704f", 70.0),
        (0.76, 0.05, "#3f5232", 50.0),
    ):
        grass = rgb(color) * (1 + 0.22 * board.noise(12, 3, (1.6, 0.8)))[..., None]
        view = mix(view, np.clip(grass, 0, 1), board.ridge(base, amount, cell))
    river = np.exp(
        -(((board.u - middle - 0.05 * np.sin(board.v * 22)) / (0.012 + 0.12 * np.clip(board.v - 0.62, 0, 1))) ** 2)
    )
    view = mix(
        view, np.broadcast_to(rgb("#c9d3c4"), view.shape), smoothstep(0.35, 0.65, river) * (board.v > 0.63) * 0.8
    )
    trees = np.zeros(inside.shape, np.uint8)
    for _ in range(9):  # cypresses, the nearer the taller
        foot = board.rng.uniform(0.64, 0.82)
        u, tall = middle + board.rng.uniform(-1, 1) * half, 0.05 + 0.55 * (foot - 0.62)
        at = (round(u * board.width), round((foot - tall / 2) * board.height))
        axes = (max(1, round(0.11 * tall * board.height)), max(1, round(tall / 2 * board.height)))
        cv2.ellipse(trees, at, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    view = mix(view, np.broadcast_to(rgb("#26371f"), view.shape), trees.astype(np.float32) / 255 * 0.9)
    board.lay(inside, view)
    # A balustrade closes the opening below.
    rail = (np.abs(board.v - 0.775) < 0.010) | (np.abs(board.v - 0.865) < 0.012)
    post = (np.abs((board.u - middle) * aspect / 0.034 % 1 - 0.5) < 0.24 + 0.12 * np.sin((board.v - 0.78) * 75)) & (
        np.abs(board.v - 0.82) < 0.045
    )
    stone = np.clip(rgb("#b39a72") * (0.85 + 0.35 * board.side * np.sin(board.u * 180))[..., None], 0, 1)
    board.lay(inside * (rail | post), stone.astype(np.float32))


def _column(board: Board, middle: float, half: float) -> None:
    """A round shaft with capital and base, lit from the side."""
    veins = 1 + 0.14 * board.noise(50, 4, (0.6, 2.0))
    left = max(0, int((middle - 2 * half) * board.width))
    board = board.part(middle - 2 * half, 0.14, middle + 2 * half, 0.98)
    marble = veins[int(0.14 * board.height) :, left:][: board.image.shape[0], : board.image.shape[1]]
    swell = half * (1.0 + 0.12 * np.sin(np.clip(board.v, 0, 1) * np.pi))
    across = (board.u - middle) / swell
    shaft = smoothstep(1.03, 0.97, np.abs(across)) * (board.v > 0.2)
    normal = np.clip(across, -1, 1)
    light = np.clip(0.42 + 0.55 * board.side * normal - 0.25 * normal * normal, 0.05, 1)
    board.lay(shaft, rgb("#c4a67c") * (light * marble)[..., None])
    for v0, v1, grow in ((0.16, 0.205, 1.55), (0.205, 0.225, 1.25), (0.875, 0.91, 1.3), (0.91, 0.96, 1.6)):
        block = smoothstep(grow + 0.04, grow - 0.04, np.abs((board.u - middle) / half))
        block = block * smoothstep(v0 - 0.004, v0 + 0.004, board.v) * smoothstep(v1 + 0.004, v1 - 0.004, board.v)
        tilt = np.clip(0.5 + 0.35 * board.side * (board.u - middle) / (half * grow), 0.1, 1)
        board.lay(block, rgb("#b89868") * tilt[..., None])


def old_library(board: Board) -> np.ndarray:
    """Walls of books by lamp light."""
    board.image[:] = rgb("#1a0f08")
    colors = (
        "#5e2a1e",
        "#2f3d33",
        "#6b4a22",
        "#27303f",
        "#7a5a34",
        "#44202a",
        "#3b3a2a",
        "#8a6f48",
        "#1f2a2a",
        "#5a1f1a",
    )
    rng = board.rng
    shelves = 6
    for shelf in range(shelves):
        top, bottom = shelf / shelves - 0.02, (shelf + 1) / shelves - 0.02
        at = float(-0.02 * rng.random())
        while at < 1.0:
            if rng.random() < 0.06:
                at += float(rng.uniform(0.01, 0.04))
            wide = float(rng.uniform(0.013, 0.040))
            head = top + (bottom - top) * float(rng.uniform(0.12, 0.36))
            x0, x1 = max(0, round(at * board.width)), min(board.width, round((at + wide) * board.width))
            y0, y1 = max(0, round(head * board.height)), max(0, round((bottom - 0.018) * board.height))
            if x1 - x0 > 1 and y1 > y0 and y0 < board.height:
                _book(board, (x0, y0, x1, y1), rgb(colors[int(rng.integers(len(colors)))]))
            at += wide
        y0, y1 = max(0, round((bottom - 0.018) * board.height)), max(0, round((bottom + 0.004) * board.height))
        board.image[y0:y1] = rgb("#5c381d")
        board.image[y0 : y0 + max(1, round(1.5 * board.unit))] = rgb("#8a5a30")  # the edge that catches the lamp
        under = board.image[y1 : y1 + max(1, round(0.035 * board.height))]
        under *= np.linspace(0.35, 1.0, max(1, len(under)), dtype=np.float32)[: len(under), None, None]
    for upright in (0.02, 0.345, 0.67, 0.985):
        edge = smoothstep(0.017, 0.012, np.abs(board.u - upright))
        board.lay(edge, rgb("#50311a") * np.clip(0.7 - 30 * board.side * -(board.u - upright), 0.3, 1.2)[..., None])
    lamp_u = 0.5 + 0.33 * board.side
    warm = 0.34 + 1.35 * board.glow(lamp_u, 0.30, 0.45) + 0.65 * board.glow(0.5 - 0.4 * board.side, 0.62, 0.35)
    board.image *= warm[..., None] * np.array([1.15, 0.95, 0.72], np.float32)
    board.soften(0.6)
    board.add(board.glow(lamp_u, 0.29, 0.055) * 0.9 + board.glow(lamp_u, 0.29, 0.20) * 0.30, "#ffc978")
    return board.finish(0.45)


def _book(board: Board, box: tuple[int, int, int, int], color: np.ndarray) -> None:
    x0, y0, x1, y1 = box
    across = np.linspace(-1, 1, x1 - x0, dtype=np.float32)
    back = (0.55 + 0.5 * np.sqrt(np.clip(1 - across**2, 0, 1))) * float(board.rng.uniform(0.7, 1.25))
    board.image[y0:y1, x0:x1] = color * back[None, :, None]
    if board.rng.random() < 0.6:  # gilt bands on the spine
        for share in (0.14, 0.20, 0.82):
            row = y0 + round((y1 - y0) * share)
            board.image[row : row + max(1, round(board.unit)), x0:x1] = rgb("#c49a4a") * back[None, :, None]


def theatre(board: Board) -> np.ndarray:
    """A velvet curtain in the light of the ramp."""
    bend = board.noise(240, 3, (1.0, 2.5))
    phase = (
        board.u * 15.0 * (1 + 0.05 * np.sin(board.v * 2.2))
        + 0.35 * bend
        + 0.6 * np.sin(board.u * 5.0 + 3.0 * board.rng.random())
    )
    fold = 0.5 + 0.5 * np.sin(phase * np.pi)
    sharp = fold**1.6
    pile = 1 + 0.10 * board.noise(4, 2, (0.7, 3.0))
    velvet = ramp_lookup(
        ("#0e0204", "#3d060c", "#7d1018", "#b3262a", "#d2584a"), np.clip(0.02 + 0.70 * sharp * pile, 0, 1)
    )
    reach = 0.42 + 0.75 * board.glow(0.5 + 0.2 * board.side, 0.42, 0.5) + 0.45 * smoothstep(0.55, 1.1, board.v)
    board.image = velvet * reach[..., None]
    swag = 0.15 + 0.085 * np.abs(np.sin(board.u * np.pi * 2.0 + 0.3))
    top = smoothstep(swag + 0.004, swag - 0.004, board.v)
    drape = np.clip(0.25 + 0.55 * np.sin((swag - board.v) * 70 + np.cos(board.u * 12.6) * 2) ** 2, 0, 1)
    board.lay(top, ramp_lookup(("#160305", "#5c0a12", "#98202a"), drape * (0.45 + 0.5 * board.glow(0.5, 0.1, 0.6))))
    fringe = np.exp(-(((board.v - swag) / 0.013) ** 2)) * (0.65 + 0.35 * np.sin(board.x / board.unit * 1.7))
    board.lay(np.clip(fringe, 0, 1) * 0.95, "#b8883a")
    board.soften(0.5)
    board.add(
        board.rays(0.5 + 0.4 * board.side, -0.35, 70.0) * board.glow(0.5 + 0.15 * board.side, 0.15, 0.6) * 0.13,
        "#ffd9a0",
    )
    return board.finish(0.45)

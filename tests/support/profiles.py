"""ICC profiles built by hand, as cameras, monitors and presses have them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np

Xy = tuple[float, float]
D65: Xy = (0.3127, 0.3290)
D50: Xy = (0.3457, 0.3585)
_D50_XYZ = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

SPACES: dict[str, tuple[tuple[Xy, Xy, Xy], Xy, float]] = {
    "Display P3": (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), D65, 2.2),
    "Adobe RGB": (((0.640, 0.330), (0.210, 0.710), (0.150, 0.060)), D65, 563 / 256),
    "ProPhoto": (((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), D50, 1.8),
    "BT.2020": (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), D65, 2.4),
    "a monitor": (((0.655, 0.335), (0.290, 0.620), (0.148, 0.065)), (0.305, 0.320), 2.1),
}


def xyz_of(primaries: Sequence[Xy], white: Xy) -> np.ndarray:
    """(3, 3) from linear RGB to XYZ."""
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in primaries]).T
    light = np.array([white[0] / white[1], 1.0, (1 - sum(white)) / white[1]])
    return columns * np.linalg.solve(columns, light)


def adaptation(white: Xy) -> np.ndarray:
    """(3, 3) from XYZ under this white to XYZ under D50 (Bradford)."""
    light = np.array([white[0] / white[1], 1.0, (1 - sum(white)) / white[1]])
    return np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50_XYZ) / (_BRADFORD @ light)) @ _BRADFORD


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def build(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ", kind: bytes = b"mntr") -> bytes:
    """A version 2 profile of these tags."""
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        content += b"\0" * (-len(content) % 4)
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    head = bytearray(128)
    head[8:12] = b"\x02\x10\0\0"
    head[12:24] = kind + space + pcs
    head[36:40] = b"acsp"
    head[68:80] = _fixed(*_D50_XYZ)
    whole = bytes(head) + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def matrix(name: str) -> bytes:
    """The profile of one of SPACES: primaries adapted to D50, and a gamma."""
    primaries, white, gamma = SPACES[name]
    adapted = adaptation(white) @ xyz_of(primaries, white)
    tags = {f"{c}XYZ".encode(): b"XYZ \0\0\0\0" + _fixed(*adapted[:, i]) for i, c in enumerate("rgb")}
    tags |= {f"{c}TRC".encode(): _curve(gamma) for c in "rgb"}
    return build(b"RGB ", {b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_D50_XYZ), **tags})


def gray(gamma: float) -> bytes:
    """The profile of a gray scanner."""
    return build(b"GRAY", {b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_D50_XYZ), b"kTRC": _curve(gamma)})


def table(space: bytes, side: int, lab_of: Callable[[np.ndarray], np.ndarray], *, pcs: bytes = b"Lab ") -> bytes:
    """A profile that is a table: `lab_of` takes (N, channels) in 0..1 to (N, 3) L*a*b*."""
    channels = {b"RGB ": 3, b"CMYK": 4}[space]
    axes = np.meshgrid(*[np.linspace(0, 1, side)] * channels, indexing="ij")
    lab = lab_of(np.stack(axes, -1).reshape(-1, channels))
    numbers = np.stack([lab[:, 0] * 652.80, (lab[:, 1] + 128) * 256, (lab[:, 2] + 128) * 256], -1)
    ramp = struct.pack(">2H", 0, 65535)
    content = b"mft2\0\0\0\0" + struct.pack(">BBBx", channels, 3, side) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    content += struct.pack(">2H", 2, 2) + ramp * channels
    content += np.clip(np.round(numbers), 0, 65535).astype(">u2").tobytes() + ramp * 3
    return build(space, {b"A2B0": content}, pcs, b"prtr" if space == b"CMYK" else b"scnr")

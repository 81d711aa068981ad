"""BMP: rows of pixels behind a header, of which the last may be missing."""

from __future__ import annotations

import struct

from pipelines.photo.containers.bare import MISSING_SHARE, Bare

_PLAIN = (0, 3, 6)  # BI_RGB and BI_BITFIELDS: every row has the same length


def starts(data: bytes) -> bool:
    """Whether it begins as a BMP does."""
    return data[:2] == b"BM"


def bare(data: bytes) -> Bare:
    """The file, with a lost end made good by black rows; the last rows of a BMP are a picture's first."""
    (begins,) = struct.unpack_from("<I", data, 10)
    width, height, _, bits, packing = struct.unpack_from("<iiHHI", data, 18)
    if packing not in _PLAIN:
        return Bare(data)
    whole = (abs(width) * bits + 31) // 32 * 4 * abs(height)
    missing = begins + whole - len(data)
    if not 0 < missing <= MISSING_SHARE * whole:
        return Bare(data)
    return Bare(data + bytes(missing), incomplete=True)

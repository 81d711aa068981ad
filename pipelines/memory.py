"""Freed memory goes back to the system.

The C library keeps freed memory for later and cuts it into pieces; over hundreds of pictures the process would seem to
grow, and the bytes of a deleted photo would stay in it until they happen to be written over. The system hands its pages
out zeroed.
"""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Return what is free to the system, in some milliseconds. Does nothing where the C library is not glibc."""
    if _TRIM is not None:
        _TRIM(0)  # https://man7.org/linux/man-pages/man3/malloc_trim.3.html


_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None

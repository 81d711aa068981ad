"""Freed memory goes back to the system.

The C library keeps freed memory for later and cuts it into pieces; over hundreds of pictures the process would seem to
grow, and the bytes of a deleted photo would stay in it until they happen to be written over. The system hands its pages
out zeroed. Where the C library is not glibc, nothing happens here.
"""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 8 * 2**20


def give_back() -> None:
    """Return what is free to the system, in some milliseconds (malloc_trim(3))."""
    if _TRIM is not None:
        _TRIM(0)


def keep_no_large_pieces() -> None:
    """From now on, let blocks of 8 MiB and more go back as soon as they are freed (mallopt(3)).

    By itself glibc raises that bound with what it sees freed, and then each thread's heap keeps a picture or two.
    """
    if _MALLOPT is not None:
        _MALLOPT(_M_MMAP_THRESHOLD, _LARGE_BYTES)


_LIBRARY = ctypes.CDLL(None) if sys.platform == "linux" else None
_TRIM = getattr(_LIBRARY, "malloc_trim", None)
_MALLOPT = getattr(_LIBRARY, "mallopt", None)

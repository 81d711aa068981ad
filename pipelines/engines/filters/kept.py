"""What several portraits of one photo share, kept between them for as long as they follow each other."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from pipelines.schema import PreparedPhoto

T = TypeVar("T")
_LATEST = 2  # a model that works on a smaller picture has two sizes of one photo


class Kept(Generic[T]):
    """The latest values worked out from photos. Each goes with its photo at the latest. Safe for many threads."""

    def __init__(self) -> None:
        self._entries: list[tuple[weakref.ref[PreparedPhoto], Hashable, T]] = []
        self._lock = threading.RLock()

    def find(self, photo: PreparedPhoto, key: Hashable) -> T | None:
        """The value for this very photo and key, if it is there."""
        with self._lock:
            found = (value for of, named, value in self._entries if of() is photo and named == key)
            return next(found, None)

    def get(self, photo: PreparedPhoto, key: Hashable, make: Callable[[], T]) -> T:
        """The value for this very photo and key, made if it is not there."""
        kept = self.find(photo, key)
        if kept is not None:
            return kept
        value = make()
        with self._lock:
            self._entries = [*self._entries[1 - _LATEST :], (weakref.ref(photo, self._prune), key, value)]
        return value

    def of(self, photo: PreparedPhoto) -> list[T]:
        """All values for this very photo."""
        with self._lock:
            return [value for of, _, value in self._entries if of() is photo]

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._entries = []

    def __len__(self) -> int:
        return len(self._entries)

    def _prune(self, _: object) -> None:
        with self._lock:
            self._entries = [entry for entry in self._entries if entry[0]() is not None]

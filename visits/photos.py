"""Photos and style pictures of visits: taken in, changed and removed, in whatever order they arrive."""

from __future__ import annotations

import threading
import time

from languages.saying import say
from pipelines.errors import PhotoError
from pipelines.photo import memory
from pipelines.schema import HandCrop, LoadedPhoto, StylePicture
from visits.visit import Visit


class VisitPhotos:
    """What changes the pictures that a visit holds. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def ask(self, visit: Visit, number: int | None = None) -> int:
        """Note that a photo is on its way, or is to be removed. Returns its number: `number`, or else the next one."""
        with self._lock:
            asked = visit.asked + 1 if number is None else number
            visit.asked = max(visit.asked, asked)
        return asked

    def take_photo(self, visit: Visit, photo: LoadedPhoto, asked: int | None = None) -> bool:
        """Replace the photo; a face that was chosen in the old one means nothing in the new one.

        Args:
            visit: Whose photo it is.
            photo: The new one.
            asked: From `ask`; without it the photo counts as asked for just now.

        Returns:
            Whether it was taken in: not where another one was asked for since, or the photo was removed.
        """
        with self._lock:
            if self.ask(visit, asked) < visit.asked:
                return False
            self.clear_photo(visit)
            visit.photo, visit.photo_at = photo, time.monotonic()
            if visit.closed:  # withdrawn while the photo was on its way
                visit.photo = None
        return True

    def remove_photo(self, visit: Visit, asked: int) -> None:
        """Drop the photo and any that is on its way, except one that was asked for since."""
        with self._lock:
            if self.ask(visit, asked) == visit.asked:
                self.clear_photo(visit)

    def ask_style(self, visit: Visit, number: int | None = None) -> int:
        """As `ask`, of the style picture."""
        with self._lock:
            asked = visit.style_asked + 1 if number is None else number
            visit.style_asked = max(visit.style_asked, asked)
        return asked

    def take_style_picture(self, visit: Visit, picture: StylePicture | None, asked: int) -> bool:
        """Replace the style picture, or remove it with None. Returns whether that was still wanted, as `take_photo`."""
        with self._lock:
            if self.ask_style(visit, asked) < visit.style_asked:
                return False
            visit.style_picture = None if visit.closed else picture
            visit.style_picture_at = time.monotonic()
        memory.give_back()
        return True

    def change_photo(
        self,
        visit: Visit,
        old: LoadedPhoto,
        new: LoadedPhoto,
        face_index: int | None = None,
        crop: HandCrop | None = None,
    ) -> None:
        """Put the same photo, turned or marked, in the place of the old one; its age stays.

        Raises:
            PhotoError: Another photo has come meanwhile.
        """
        with self._lock:
            if visit.photo is not old:
                raise PhotoError(say("Another photo has come meanwhile; try again with that one."))
            visit.photo, visit.face_index, visit.faceless, visit.crop = new, face_index, False, crop
            for kept in visit.kept:
                kept.photo_at = None  # its face has another number now
        memory.give_back()

    def clear_photo(self, visit: Visit) -> None:
        """Drop the photo and its crops from memory; consent and portraits stay."""
        visit.photo, visit.face_index, visit.faceless, visit.crop = None, None, False, None
        memory.give_back()

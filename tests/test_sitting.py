"""What is cut and drawn from one photo, by many at the same time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from pipelines.controls import annotators
from pipelines.photo import opening
from pipelines.photo.opening import open_photo
from pipelines.schema import LoadedPhoto, PreparedPhoto
from pipelines.sitting import Sitting
from tests.support.machine import TIMEOUT


def test_many_who_want_one_photo_cut_and_draw_it_once(face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the first cells of a board do."""
    photo, sitting, counts = open_photo(face_photo), Sitting(), {"cut": 0, "drawn": 0}
    cut, draw = opening.prepare, annotators.annotate

    def cutting(*arguments: Any, **named: Any) -> PreparedPhoto:
        counts["cut"] += 1
        time.sleep(0.05)
        return cut(*arguments, **named)

    def drawing(*arguments: Any) -> Image.Image:
        counts["drawn"] += 1
        time.sleep(0.05)
        return draw(*arguments)

    monkeypatch.setattr(opening, "prepare", cutting)
    monkeypatch.setattr(annotators, "annotate", drawing)

    def work(_: int) -> int:
        crop = sitting.crop(photo, 0, (96, 96), loose=False)
        annotators.drawn_once("canny", crop.photo, crop.drawn)
        return id(crop)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(work, range(8)))) == 1
    assert counts == {"cut": 1, "drawn": 1}


def test_a_live_picture_waits_for_no_print_of_the_same_photo(
    face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, sitting, go, begun = open_photo(face_photo), Sitting(), threading.Event(), threading.Event()
    cut = opening.prepare

    def cutting(photo: LoadedPhoto, face: int | None, size: tuple[int, int], **named: Any) -> PreparedPhoto:
        if size[0] > 1000:
            begun.set()
            assert go.wait(TIMEOUT)
            size = (96, 96)
        return cut(photo, face, size, **named)

    monkeypatch.setattr(opening, "prepare", cutting)
    with ThreadPoolExecutor(2) as pool:
        prints = [pool.submit(sitting.crop, photo, 0, (size, size), loose=False) for size in (1024, 2048)]
        assert begun.wait(TIMEOUT)
        live = sitting.crop(photo, 0, (96, 96), loose=False)
        assert not prints[0].done()
        go.set()
        assert live.photo.image.size == (96, 96)
        for one in prints:
            one.result(TIMEOUT)

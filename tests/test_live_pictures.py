"""Live pictures and tiles: what looks at one photo share makes them quicker, changes none, and goes with the photo."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from PIL import Image

from pipelines import live_pictures
from pipelines.engines.filters import engine, lighting
from pipelines.engines.filters.canvas import Canvas
from pipelines.live_pictures import LivePictures
from pipelines.photo.opening import open_photo
from pipelines.presets.loading import Presets
from pipelines.schema import LoadedPhoto, StylePicture
from tests.support.site import TOY_PREVIEW

LOOKS = (("film-noir", "none", 0.5), ("charcoal", "orbit", 0.5), ("film-noir", "none", 0.9), ("film-noir", "none", 0.5))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_pictures, "PREVIEW_SIZE", TOY_PREVIEW)


def shown(
    live: LivePictures,
    photo: LoadedPhoto,
    style: str,
    scene: str = "none",
    likeness: float = 0.5,
    picture: StylePicture | None = None,
) -> np.ndarray:
    painted = live.preview(
        photo, face_index=0, style_id=style, scene_id=scene, likeness=likeness, style_picture=picture
    )
    return np.asarray(painted, np.uint8)


def tile(live: LivePictures, photo: LoadedPhoto, style: str) -> np.ndarray:
    return np.asarray(live.tile(photo, face_index=0, style_id=style, unwanted=lambda: False), np.uint8)


@pytest.mark.slow
def test_a_look_is_the_same_after_others_as_by_itself(presets: Presets, loaded: LoadedPhoto) -> None:
    live = LivePictures(presets)
    for look in LOOKS:
        assert np.array_equal(shown(live, loaded, *look), shown(LivePictures(presets), loaded, *look))
    for style in ("film-noir", "comic", "film-noir"):
        assert np.array_equal(tile(live, loaded, style), tile(LivePictures(presets), loaded, style))


def test_each_picture_of_ones_own_is_painted_after(presets: Presets, loaded: LoadedPhoto) -> None:
    live = LivePictures(presets)
    pictures = [
        StylePicture(image=Image.effect_mandelbrot((200, 160), (-2, -1, 1, 1), 60).convert("RGB")),
        StylePicture(image=Image.linear_gradient("L").convert("RGB")),
    ]
    for picture in (*pictures, pictures[0]):
        after = shown(live, loaded, "own-picture", picture=picture)
        assert np.array_equal(after, shown(LivePictures(presets), loaded, "own-picture", picture=picture))


def test_light_is_laid_on_a_photo_once_for_its_tiles_and_once_for_its_live_pictures(
    presets: Presets, loaded: LoadedPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    lit: list[Canvas] = []
    lay = lighting.vary
    monkeypatch.setattr(engine, "vary", lambda canvas: (lit.append(canvas), lay(canvas))[1])
    live = LivePictures(presets)
    for style in ("film-noir", "comic", "charcoal"):
        tile(live, loaded, style)
        shown(live, loaded, style)
    assert [canvas.width for canvas in lit] == [live_pictures.TILE_PAINTED_AT, TOY_PREVIEW]


def test_what_looks_share_goes_with_the_photo(presets: Presets, face_photo: Image.Image) -> None:
    def kept() -> int:
        gc.collect()
        return sum(type(one) is Canvas for one in gc.get_objects())

    before, live = kept(), LivePictures(presets)
    photo = open_photo(face_photo)
    shown(live, photo, "film-noir")
    tile(live, photo, "film-noir")
    assert kept() > before
    del photo
    assert kept() == before

"""The person's outline: the face whole, the wall seen through hair, no ghosts beside the person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.photo import outline, vision
from pipelines.photo.opening import open_photo, prepare

WALL, HAIR, SKIN, SHIRT = (190, 188, 184), (38, 30, 28), (120, 84, 66), (188, 187, 184)
MIDDLE, RADII = (200, 190), (62, 84)  # of the face, in a picture of 400 pixels
GAPS = ((172, 74), (200, 68), (228, 74))  # between the tufts; the wall shows through


def mesh(*, aside: bool = False) -> np.ndarray:
    """Points of a face seen from the front: an oval, from the top clockwise, where the mesh has those that are used."""
    turns = np.linspace(0, 2 * np.pi, 468, endpoint=False)
    oval = np.stack([MIDDLE[0] + RADII[0] * np.sin(turns), MIDDLE[1] - RADII[1] * np.cos(turns)], axis=1)
    oval[10], oval[152] = (MIDDLE[0], MIDDLE[1] - RADII[1]), (MIDDLE[0], MIDDLE[1] + RADII[1])
    oval[234], oval[454] = (MIDDLE[0] - RADII[0], MIDDLE[1]), (MIDDLE[0] + RADII[0], MIDDLE[1])
    oval[1] = (MIDDLE[0] + (RADII[0] if aside else 0), MIDDLE[1])
    return oval.astype(np.float32)


def sitter(*, hair: tuple[int, int, int] = HAIR) -> tuple[np.ndarray, np.ndarray]:
    """Somebody with tufts before a wall, in a shirt of the wall's colour; and a mask that takes the gaps for hair."""
    picture, mask = np.full((400, 400, 3), WALL, np.uint8), np.zeros((400, 400), np.uint8)
    for canvas, of_hair, of_shirt, of_skin in ((picture, hair, SHIRT, SKIN), (mask, 1, 1, 1)):
        cv2.rectangle(canvas, (90, 290), (310, 400), of_shirt, -1)
        cv2.ellipse(canvas, MIDDLE, (82, 112), 0, 0, 360, of_hair, -1)
        cv2.ellipse(canvas, MIDDLE, RADII, 0, 0, 360, of_skin, -1)
    cv2.ellipse(mask, (200, 100), (58, 44), 0, 180, 360, 1, -1)
    cv2.ellipse(picture, (200, 100), (58, 44), 0, 180, 360, hair, -1)
    for gap in GAPS:
        cv2.circle(picture, gap, 9, WALL, -1)
    noise = np.random.default_rng(7).normal(0, 2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8), mask.astype(np.float32)


def around(mask: np.ndarray, x: int, y: int, reach: int = 4) -> float:
    return float(mask[y - reach : y + reach + 1, x - reach : x + reach + 1].mean())


def test_the_wall_shows_through_hair_and_hair_stays() -> None:
    picture, mask = sitter()
    found = outline.with_face(picture, mask, mesh())
    for gap in GAPS:
        assert around(found, *gap) < 0.2, gap
    for x, y in ((186, 72), (214, 72), (200, 95), (125, 190), (160, 92)):
        assert around(found, x, y, 2) > 0.8, (x, y)


def test_what_has_the_wall_s_colour_elsewhere_stays() -> None:
    picture, mask = sitter()
    cv2.rectangle(picture, (90, 290), (310, 400), HAIR, -1)
    for x, y in ((101, 340), (200, 240)):  # a spot on a dark shirt, teeth
        cv2.circle(picture, (x, y), 9, WALL, -1)
    found = outline.with_face(picture, mask, mesh())
    assert around(found, 101, 340) > 0.95
    assert around(found, 200, 240) > 0.95


def test_shine_amid_a_head_is_no_gap() -> None:
    picture, mask = sitter()
    for gap in GAPS:
        cv2.circle(picture, gap, 12, HAIR, -1)
    picture[mask == 0] = WALL
    cv2.circle(picture, (200, 75), 5, WALL, -1)
    assert around(outline.with_face(picture, mask, mesh()), 200, 75, 3) > 0.9


def test_a_pompom_of_the_wall_s_colour_stays() -> None:
    picture, mask = sitter()
    cv2.circle(picture, (200, 50), 9, WALL, -1)
    cv2.circle(mask, (200, 50), 9, 1.0, -1)
    assert around(outline.with_face(picture, mask, mesh()), 200, 46) > 0.8


@pytest.mark.parametrize("hair", [WALL, (150, 148, 145)])
def test_hair_that_is_like_the_wall_stays(hair: tuple[int, int, int]) -> None:
    found = outline.with_face(*sitter(hair=hair), mesh())
    for x, y in (*GAPS, (200, 95), (125, 190)):
        assert around(found, x, y) > 0.6, (x, y)


def test_a_lens_that_was_taken_for_a_hole_is_the_person_s() -> None:
    picture, mask = sitter()
    cv2.circle(mask, (222, 170), 14, 0.0, -1)
    assert around(outline.with_face(picture, mask, mesh()), 222, 170) > 0.95
    assert around(outline.with_face(picture, mask, mesh(aside=True)), 222, 170) < 0.05, "the far half may be wall"


def test_without_a_face_nothing_is_known() -> None:
    picture, mask = sitter()
    assert outline.with_face(picture, mask, None) is mask


def test_a_person_who_fills_the_picture() -> None:
    picture, _ = sitter()
    assert outline.with_face(picture, np.ones((400, 400), np.float32), mesh()).min() == 1


def test_in_any_size() -> None:
    picture, mask = sitter()
    for side in (64, 900):
        large = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        of = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)
        found = outline.with_face(large, of, mesh() * side / 400)
        assert found.shape == (side, side)
        assert 0 <= found.min() <= found.max() <= 1
    assert around(found, *(round(at * 900 / 400) for at in GAPS[1])) < 0.2


def seen(*parts: tuple[tuple[int, int, int, int], float]) -> np.ndarray:
    """A mask as the network may say it: rectangles, left, top, right, bottom, and how sure it is of each."""
    mask = np.zeros((256, 256), np.float32)
    for (left, top, right, bottom), sure in parts:
        mask[top:bottom, left:right] = sure
    return mask


BODY = ((80, 60, 180, 256), 0.97)


def test_a_hand_behind_a_faint_wrist_stays_and_a_ghost_goes() -> None:
    wrist, hand = ((180, 200, 220, 206), 0.4), ((220, 180, 244, 216), 0.97)
    assert vision.without_islands(seen(BODY, wrist, hand))[190:210, 225:240].min() > 0.9
    assert vision.without_islands(seen(BODY, wrist, (hand[0], 0.75)))[190:210, 225:240].max() == 0


def test_a_dim_body_under_a_plain_head_stays() -> None:
    found = vision.without_islands(seen(((60, 140, 200, 256), 0.52), ((100, 40, 160, 140), 0.97)))
    assert found[160:250, 70:190].min() > 0.5


def test_a_person_stays_whatever_haze_there_is_apart_from_them() -> None:
    found = vision.without_islands(seen(((20, 200, 60, 250), 0.97), ((80, 0, 256, 256), 0.3)))
    assert found[205:245, 25:55].min() > 0.9
    assert found[:, 100:].max() == 0


@pytest.mark.parametrize(("name", "where"), [("071", (305, 75, 40, 22)), ("064", (330, 40, 60, 60))])
def test_nothing_is_bitten_out_of_real_people(portraits_dir: Path, name: str, where: tuple[int, int, int, int]) -> None:
    """A lamp's shine on dark skin before a light wall, black hair before a black one."""
    mask = prepare(open_photo(portraits_dir / f"{name}.jpg"), None, 512).person_mask
    assert mask is not None
    x, y, width, height = where
    assert mask[y : y + height, x : x + width].mean() > 0.9


@pytest.mark.parametrize("name", ["024", "048", "085"])
def test_no_ghost_stands_beside_a_person(portraits_dir: Path, name: str) -> None:
    """Writing on a wall, a stranger's hand, the grain of wood."""
    mask = prepare(open_photo(portraits_dir / f"{name}.jpg"), None, 512).person_mask
    assert mask is not None
    _, _, stats, _ = cv2.connectedComponentsWithStats((mask > 0.5).astype(np.uint8))
    assert max([0, *sorted(stats[1:, cv2.CC_STAT_AREA])[:-1]]) < 100, "one piece, and grains"
    near = cv2.dilate((mask > 0.5).astype(np.uint8), np.ones((41, 41)))
    assert mask[near == 0].max(initial=0.0) < 0.15


def test_tufts_and_lenses_of_real_people(portraits_dir: Path) -> None:
    """Of a woman with tufts before a grey wall, and of a man whose sunglasses mirror the sky."""
    tufts, lens = (prepare(open_photo(portraits_dir / f"{name}.jpg"), None, 512).person_mask for name in ("055", "004"))
    assert tufts is not None
    assert lens is not None
    assert 0.1 < tufts[40:75, 110:200].mean() < 0.4, "0.56 before the wall between them was left out"
    assert around(lens, 141, 220, 12) > 0.95, "0.30 before"

"""Flat areas, drawn features and the screenprint, through the operations' table."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter

from pipelines.engines.filters.canvas import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, Canvas
from pipelines.engines.filters.operations import OPERATIONS
from pipelines.engines.filters.operations.zones import zones
from pipelines.photo.opening import open_photo, prepare
from pipelines.recipe import RecipeStep
from pipelines.schema import PreparedPhoto
from tests.support.retouched import dark_glasses

STEP = TypeAdapter(RecipeStep)
_LIPS = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91)


def sitting(prepared: PreparedPhoto, *, mesh: bool = True, seed: int = 0) -> Canvas:
    pixels = np.asarray(prepared.image, np.float32) / 255
    assert prepared.face is not None
    assert prepared.person_mask is not None
    return Canvas(pixels, pixels, prepared.person_mask, prepared.face.landmarks if mesh else None, seed=seed)


def mesh_of(canvas: Canvas) -> np.ndarray:
    assert canvas.landmarks is not None
    return canvas.landmarks


def run(canvas: Canvas, **step: object) -> np.ndarray:
    words = STEP.validate_python(step)
    OPERATIONS[words.op](canvas, words)
    return canvas.image


def lab_of(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2LAB)


def test_zones_are_apart_and_inside_the_person(prepared):
    canvas = sitting(prepared)
    found = zones(canvas)
    inside = (canvas.face > 0.9) & (canvas.features < 0.1)
    assert found.skin[inside].mean() > 0.85
    assert (found.skin * found.hair).mean() < 0.02
    assert found.hair[canvas.person < 0.05].mean() < 0.02
    assert zones(sitting(prepared, mesh=False)).skin.max() == 0


@pytest.mark.parametrize("name", ["074", "031"])
def test_a_throat_in_shadow_is_skin(portraits_dir, name):
    """Redder than any colour of the face, it was painted as if it were a shirt: a red patch below the chin."""
    photo = prepare(open_photo(portraits_dir / f"{name}.jpg"), None, 400)
    canvas = sitting(photo)
    x, y = (mesh_of(canvas)[152] + 0.25 * (mesh_of(canvas)[152] - mesh_of(canvas)[10])).round().astype(int)
    assert zones(canvas).skin[y - 4 : y + 5, x - 4 : x + 5].mean() > 0.9


@pytest.mark.parametrize(
    ("name", "where"), [("004", (425, 235, 18, 42)), ("100", (151, 188, 27, 35)), ("100", (347, 203, 21, 32))]
)
def test_ears_that_light_shines_through_are_skin(portraits_dir, name, where):
    """As the rest of a person they took the reddest of its few colours, like wounds."""
    photo = prepare(open_photo(portraits_dir / f"{name}.jpg"), None, 512)
    x, y, width, height = where
    assert zones(sitting(photo)).skin[y : y + height, x : x + width].mean() > 0.7


def test_a_lamp_turns_nothing_into_skin(prepared):
    canvas = sitting(prepared)
    lit = canvas.source * np.array([1.0, 0.75, 0.6], np.float32)
    in_light = Canvas(lit, lit, canvas.person, canvas.landmarks, photo=canvas.source)
    assert np.array_equal(zones(in_light).skin, zones(canvas).skin)


@pytest.mark.parametrize("turned", [False, True])
def test_a_red_hood_and_a_white_band_are_no_skin(portraits_dir, turned):
    photo = prepare(open_photo(portraits_dir / "047.jpg"), None, 512)
    canvas = sitting(photo)
    height = np.ptp(mesh_of(canvas)[:, 1])
    oval = cv2.convexHull(mesh_of(canvas)[:468]).reshape(-1, 2)
    inner, brow = np.zeros((2, 512, 512), np.uint8)
    cv2.fillConvexPoly(inner, (oval.mean(axis=0) + 1.04 * (oval - oval.mean(axis=0))).round().astype(np.int32), 1)
    band = mesh_of(canvas)[[54, 103, 67, 109, 10, 338, 297, 332, 284]] - (0, 0.06 * height)
    cv2.polylines(brow, [band.round().astype(np.int32)], isClosed=False, color=1, thickness=round(0.09 * height))
    for where, colour, bare in (
        ((inner == 0) & (canvas.person > 0.5), (175, 40, 45), 0.008),
        ((brow > 0) & (canvas.person > 0.6), (236, 236, 238), 0.6),
    ):
        pixels = np.array(photo.image)
        pixels[where] = colour
        there, person, points = (pixels / 255).astype(np.float32), canvas.person, mesh_of(canvas)
        if turned:  # the head leans on its side
            there, person, where = (np.ascontiguousarray(np.rot90(each)) for each in (there, person, where))
            points = np.stack([points[:, 1], 511 - points[:, 0]], axis=1)
        assert zones(Canvas(there, there, person, points)).skin[where].mean() < bare


@pytest.mark.parametrize(
    ("name", "where"), [("071", (305, 75, 40, 22)), ("061", (210, 42, 50, 12)), ("058", (335, 85, 38, 22))]
)
def test_a_lamp_s_shine_on_a_forehead_is_skin(portraits_dir, name, where):
    """As the rest of a person it was printed as white paper, on dark skin above all."""
    photo = prepare(open_photo(portraits_dir / f"{name}.jpg"), None, 512)
    x, y, width, height = where
    skin = zones(sitting(photo)).skin
    assert skin[y : y + height, x : x + width].mean() > 0.7


def test_flat_leaves_few_colours_and_the_skin_as_light_as_it_was(prepared):
    canvas = sitting(prepared)
    before = lab_of(canvas.image)
    after = lab_of(run(canvas, op="flat", colors=6, skin_tones=2, hair_tones=2))
    cells = np.unique((after[::2, ::2].reshape(-1, 3) / 4).round(), axis=0, return_counts=True)[1]
    assert np.sort(cells)[-14:].sum() > 0.8 * cells.sum()
    inside = (canvas.face > 0.9) & (canvas.features < 0.1)
    assert abs(np.median(after[inside][:, 0]) - np.median(before[inside][:, 0])) < 6


def test_flat_can_leave_the_wall(prepared):
    canvas = sitting(prepared)
    before = canvas.image.copy()
    after = run(canvas, op="flat", wall=0.0)
    assert np.abs(after - before)[canvas.person < 0.2].max() < 1e-5


def test_features_are_drawn_on_eyes_and_mouth_only(prepared):
    canvas = sitting(prepared)
    before = canvas.image.copy()
    change = np.abs(run(canvas, op="features") - before).mean(axis=2)
    near = cv2.dilate(canvas.features, np.ones((9, 9), np.uint8)) > 0.02
    assert change[~near].max() < 0.02
    for eye in (EYE_LEFT, EYE_RIGHT):
        x, y = mesh_of(canvas)[list(eye)].mean(axis=0).round().astype(int)
        assert change[y - 4 : y + 5, x - 4 : x + 5].mean() > 0.02


def test_red_lips_are_drawn_red_and_a_microphone_is_left_alone(prepared):
    """Lipstick was taken for something before the mouth, and came out as a grey smear in flat styles."""
    lips = np.zeros(prepared.image.size[::-1], np.uint8)
    cv2.fillPoly(lips, [cv2.convexHull(mesh_of(sitting(prepared))[list(_LIPS)].astype(np.int32))], 1)
    for colour, drawn in (((0.75, 0.05, 0.15), True), ((0.05, 0.05, 0.05), False)):
        canvas = sitting(prepared)
        canvas.source = np.where(lips[..., None] > 0, np.array(colour, np.float32), canvas.source)
        canvas.image = np.full_like(canvas.source, 0.5)
        after = run(canvas, op="features", lips=1.0)
        inside = np.median(after[cv2.erode(lips, np.ones((5, 5), np.uint8)) > 0], axis=0)
        assert (inside[0] - inside[1] > 0.4) == drawn


def eyes_of(canvas: Canvas) -> list[np.ndarray]:
    return [mesh_of(canvas)[list(eye)].mean(axis=0).round().astype(int) for eye in (EYE_LEFT, EYE_RIGHT)]


@pytest.mark.parametrize("lamp", [1.0, 0.3], ids=["as photographed", "in another light"])
def test_no_eyes_are_drawn_on_dark_glasses_and_nothing_without_a_mesh(prepared, lamp):
    bare = sitting(prepared, mesh=False)
    assert (run(bare, op="features") == bare.source).all()
    canvas = sitting(prepared)
    canvas.photo = dark_glasses(canvas.image, mesh_of(canvas))
    skin = np.median(canvas.photo[canvas.face > 0.9], axis=0).astype(np.float32)
    lit = canvas.photo + (skin - canvas.photo) * np.float32(1 - lamp)
    canvas.image, canvas.source = lit, lit.copy()
    after = run(canvas, op="features")
    for x, y in eyes_of(canvas):
        assert np.abs(after - lit)[y - 4 : y + 5, x - 4 : x + 5].max() < 0.02


@pytest.mark.parametrize(
    "step",
    [
        {"op": "neon", "ramps": [["#40e0ff", "#ff40c0", "#a080ff"]]},
        {"op": "polygons"},
        {"op": "glass", "palettes": [["#2050c0", "#c03040", "#e0b030"]]},
    ],
    ids=lambda step: step["op"],
)
def test_no_eyes_shine_through_dark_glasses(prepared, step):
    """A white beside an iris, a lit tube, a pane with an eye in it: light and dark within the opening of the lids."""
    unlike = {}
    for worn in (False, True):
        canvas = sitting(prepared)
        if worn:
            canvas.image = dark_glasses(canvas.image, mesh_of(canvas))
            canvas.source = canvas.image.copy()
        after = run(canvas, **step)
        reach = round(0.05 * canvas.face_size)
        eyes = [after[y - reach : y + reach + 1, x - reach : x + reach + 1].mean(axis=2) for x, y in eyes_of(canvas)]
        unlike[worn] = float(np.mean([np.ptp(np.quantile(eye, (0.02, 0.98))) for eye in eyes]))
    assert unlike[True] < 0.4 * unlike[False]


@pytest.mark.parametrize("op", ["neon", "polygons"])
def test_of_a_face_in_profile_no_far_eye_hangs_in_the_air(prepared, op):
    """There the mesh folds the far half to a sliver, which lies before the nose."""
    step = {"op": op, "ramps": [["#40e0ff", "#ff40c0", "#a080ff"]]} if op == "neon" else {"op": op}
    canvas = sitting(prepared)
    points = mesh_of(canvas).copy()
    air = np.array((0.08 * canvas.width, 0.3 * canvas.height), np.float32)
    assert canvas.person[round(float(air[1])), round(float(air[0]))] < 0.1
    far = [*EYE_RIGHT, *BROW_RIGHT, 247, 30, 29, 27, 28, 56, *range(468, 473)]
    points[far] = air + (points[far] - points[far].mean(axis=0)) * np.array((0.15, 1.0), np.float32)
    canvas.landmarks = points
    canvas.image = canvas.source = np.where(canvas.person[..., None] > 0.3, canvas.source, np.float32(0.5))
    after = run(canvas, **step)
    reach = round(0.12 * canvas.face_size)
    x, y = (int(n) for n in air.round())
    around = after[y - reach : y + reach + 1, x - reach : x + reach + 1]
    assert np.ptp(np.quantile(around.mean(axis=2), (0.02, 0.98))) < 0.15


def test_brows_are_cut_as_facets_of_their_own(portraits_dir):
    """A thin brow was averaged away by the facets of skin on both sides of it."""
    canvas = sitting(prepare(open_photo(portraits_dir / "007.jpg"), None, 512))
    points = mesh_of(canvas)
    brow, skin = (np.zeros((canvas.height, canvas.width), np.uint8) for _ in range(2))
    for outline in (BROW_RIGHT, BROW_LEFT):
        hull = cv2.convexHull(points[list(outline)].astype(np.int32))
        cv2.fillConvexPoly(brow, hull, 1)
        cv2.fillConvexPoly(skin, hull - np.array((0, round(0.1 * canvas.face_size))), 1)
    after = run(canvas, op="polygons").mean(axis=2)
    assert np.median(after[brow > 0]) < 0.55 * np.median(after[skin > 0])


def test_no_pane_lies_wholly_inside_another_one(portraits_dir):
    """The shine on this crown became a leaded pane of its own, which looked like an eye."""
    canvas = sitting(prepare(open_photo(portraits_dir / "007.jpg"), None, 512))
    after = run(canvas, op="glass", palettes=[["#2050c0", "#c03040", "#e0b030"]]).mean(axis=2)
    _, _, lead, _ = cv2.connectedComponentsWithStats(((after < 0.2) & (canvas.person > 0.5)).astype(np.uint8))
    crown = int(mesh_of(canvas)[10, 1]) - 10
    # All lead is one net: what hangs in it without a joint would fall out.
    loose = [box for box in lead[1:] if box[cv2.CC_STAT_TOP] + box[cv2.CC_STAT_HEIGHT] < crown and box[4] > 60]
    assert len(loose) == 0


def test_detail_of_the_photo_can_stay_on_the_person(prepared):
    canvas = sitting(prepared)
    canvas.image = np.full_like(canvas.source, 0.5)
    wall = cv2.erode((canvas.person < 0.02).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    assert wall.any()
    everywhere = run(canvas, op="photo_detail", amount=1.0)
    canvas.image = np.full_like(canvas.source, 0.5)
    person = run(canvas, op="photo_detail", amount=1.0, person=True)
    assert np.abs(everywhere - 0.5)[wall].max() > 0.01
    assert np.abs(person - 0.5)[wall].max() < 1e-3
    inside = canvas.face > 0.95
    assert np.abs(person - everywhere)[inside].max() < 1e-3


def test_screenprints_of_two_seeds_are_two_palettes(prepared):
    ramps = [
        ["#2fb5c7", "#1c8fa8", "#f6c21c", "#d8243a", "#f7efe0"],
        ["#ff5f87", "#e8386a", "#2a5fd0", "#ffd21f", "#fdf3da"],
    ]
    one, two = (run(sitting(prepared, seed=s), op="screenprint", ramps=ramps) for s in (0, 1))
    assert np.abs(one - two).mean() > 0.1

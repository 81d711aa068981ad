"""Operations that divide the picture into pieces: low poly and Roman mosaic; stained glass shares their helpers."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines import recipe
from pipelines.engines.filters.canvas import LIPS, OVAL, Canvas, blur, fractal_noise, mix, rgb, smoothstep
from pipelines.engines.filters.operations.features import eyes_drawn
from pipelines.engines.filters.operations.head import mirrored, parts, planes
from pipelines.engines.filters.operations.light import form
from pipelines.engines.filters.operations.zones import zones
from pipelines.photo.eyes import eyes_facing

# Corners of a face in facets: right half and middle; the left half mirrors them.
_CORNERS = (
    10, 109, 103, 21, 127, 234, 132, 172, 150, 176, 152,  # oval
    70, 105, 107, 55, 52, 46,  # brow
    33, 160, 158, 133, 153, 144,  # eye
    168, 6, 195, 4, 2, 98, 64, 129, 122, 198,  # nose
    61, 39, 0, 17, 181, 78, 13, 14, 82, 87, 164,  # mouth
    9, 151, 69, 117, 50, 205, 230, 226, 101, 207, 199, 210, 116,  # forehead, cheek, chin
)  # fmt: skip
_BROWS = ((70, 105, 107, 55, 52, 46), (300, 334, 336, 285, 282, 276))
_LIDS = ((33, 160, 158, 133), (263, 387, 385, 362))
_IRIS_RINGS = (469, 470, 471, 472, 474, 475, 476, 477)


def polygons(canvas: Canvas, step: recipe.Polygons) -> None:
    """recipe.Polygons."""
    rng = canvas.rng()
    height, width = canvas.height, canvas.width
    pitch = float(np.sqrt(height * width / step.points)) * canvas.boldness**0.8
    triangles = _facets(_corners(canvas, pitch, rng), width, height)
    labels = np.zeros((height, width), np.int32)
    fixed = np.round(triangles * 16).astype(np.int32)
    for index, triangle in enumerate(fixed):
        cv2.fillConvexPoly(labels, triangle, index + 1, lineType=cv2.LINE_8, shift=4)
    colors = means(canvas.image, labels, len(triangles) + 1)
    # Skin is of one hue, so that highlights do not become grey stones.
    bare = np.maximum(canvas.face, zones(canvas).skin) * (1 - canvas.features)  # the neck is of the face's hue
    share = means(np.repeat(bare[..., None], 3, 2), labels, len(colors))[:, 0]
    skin = np.flatnonzero(share > 0.2)
    if len(skin):
        lab = cv2.cvtColor(colors[None].astype(np.float32), cv2.COLOR_RGB2LAB)
        plain = lab[0, share > 0.6] if (share > 0.6).any() else lab[0, skin]
        skin = skin[lab[0, skin, 0] > np.median(plain[:, 0]) - 8]  # a beard is no skin
        level = (lab[0, skin, :1] + 16) / (np.median(plain[:, 0]) + 16)  # shade scales colour as it does light
        # Nor does a red mouth or nostril make a red facet of the skin beside it.
        own = np.median(plain[:, 1:] / ((plain[:, :1] + 16) / (np.median(plain[:, 0]) + 16)), axis=0) * level
        lab[0, skin, 1:] = mix(lab[0, skin, 1:], own, 0.75 * smoothstep(0.2, 0.6, share[skin])[:, None])
        colors = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)[0]
    # Each facet turns towards or away from a lamp at the side, as the form does.
    at = np.clip(triangles.mean(axis=1).astype(int), 0, (width - 1, height - 1))
    nx, ny, nz = (axis[at[:, 1], at[:, 0]] for axis in form(canvas, 0.6))
    figure = canvas.person[at[:, 1], at[:, 0]]
    lamp = canvas.light_side * nx * 0.75 - 0.45 * ny + 0.5 * nz - 0.5
    calm = (1 - 0.75 * bare[at[:, 1], at[:, 0]]) * (1 - 0.6 * canvas.features[at[:, 1], at[:, 0]])
    jitter = rng.uniform(-0.16, 0.16, len(triangles))
    colors[1:] *= (1 + step.facet * calm * (jitter + 1.1 * figure * lamp))[:, None]
    picture = np.clip(colors, 0, 1).astype(np.float32)[labels]
    if step.edge:
        seam = np.zeros((height, width), np.uint8)
        cv2.polylines(seam, list(fixed), True, 255, max(1, round(0.7 * canvas.unit)), cv2.LINE_AA, 4)
        amount = seam.astype(np.float32) / 255.0 * abs(step.edge) * (1 - 0.6 * canvas.features)
        picture = mix(picture, np.full(3, 1.0 if step.edge > 0 else 0.0, np.float32), amount[..., None])
    canvas.image = _eyes(canvas, _brows(canvas, picture))
    canvas.keep_features(0.1 + 0.3 * canvas.likeness)


def _brows(canvas: Canvas, picture: np.ndarray) -> np.ndarray:
    """Brows cut from two facets each, in the brow's own colour: facets of skin would swallow thin ones."""
    if canvas.landmarks is None:
        return picture
    done = picture.copy()
    for brow, near in zip(_BROWS, eyes_facing(canvas.landmarks), strict=True):
        if not near:
            continue
        points = np.round(canvas.landmarks[list(brow)] * 16).astype(np.int32)
        whole = np.zeros((canvas.height, canvas.width), np.uint8)
        cv2.fillPoly(whole, [points], 1, cv2.LINE_8, 4)
        pixels = canvas.image[whole > 0]
        if len(pixels) < 8:
            continue
        own = pixels[np.argsort(pixels.mean(axis=1))[: max(1, len(pixels) // 3)]].mean(axis=0)
        for n, part in enumerate(((0, 1, 4, 5), (1, 2, 3, 4))):
            tone = np.clip(own * (1.12 - 0.24 * n), 0, 1)
            cv2.fillConvexPoly(done, points[list(part)], tuple(map(float, tone)), cv2.LINE_AA, 4)
    return done


def _eyes(canvas: Canvas, picture: np.ndarray) -> np.ndarray:
    """Irises as cut stones and lids as dark edges: too small for facets, and what a face is known by."""
    if canvas.landmarks is None:
        return picture
    labels, names = planes(canvas)
    number = {name: [n + 1 for n, other in enumerate(names) if other == name] for name in ("iris", "eye")}
    seen = eyes_drawn(canvas)  # nobody has eyes on dark glasses
    inside = np.isin(labels, number["eye"] + number["iris"])
    done = picture.copy()
    # The white is lighter than the skin around it, whatever shade lies on it.
    around = cv2.cvtColor(blur(picture, 0.05 * canvas.face_size), cv2.COLOR_RGB2GRAY)
    white = blur(canvas.source, 0.012 * canvas.face_size)
    luma = np.maximum(cv2.cvtColor(white, cv2.COLOR_RGB2GRAY), 0.02)
    white = white * (np.clip(np.maximum(luma, 1.25 * around + 0.06), 0, 0.85) / luma)[..., None]
    done[inside] = mix(white.mean(axis=2, keepdims=True), white, 0.5)[inside]
    for side, (middle, first) in enumerate(((468, 469), (473, 474))):
        if not seen[side]:
            continue
        center = canvas.landmarks[middle]
        ring = canvas.landmarks[first : first + 4]
        radius = float(np.linalg.norm(ring - center, axis=1).mean()) * 1.05
        own = np.minimum(_iris_colour(canvas, center, radius), 0.45)
        iris = done.copy()
        turns = np.arange(9) * (np.pi / 4) + np.pi / 8
        corners = center + radius * np.stack((np.cos(turns), np.sin(turns)), axis=1)
        for n in range(8):
            shape = np.round(np.array((center, corners[n], corners[n + 1])) * 16).astype(np.int32)
            tone = own * (0.75 + 0.35 * np.cos(turns[n] + np.pi / 8 + canvas.light_side * 0.9 - np.pi / 2))
            cv2.fillConvexPoly(iris, shape, tuple(map(float, tone)), cv2.LINE_8, 4)
        for away, size, tone in (((0, 0), 0.4, 0.04), ((0.3 * canvas.light_side, -0.35), 0.2, 0.9)):
            spot = tuple(np.round((center + radius * np.array(away)) * 16).astype(int))
            cv2.circle(iris, spot, max(10, round(radius * size * 16)), (tone, tone, tone), -1, cv2.LINE_8, 4)
        done[inside] = iris[inside]
    lids = np.zeros(labels.shape, np.uint8)
    wide = max(1, round(0.011 * canvas.face_size))
    for lid in (lid for lid, shown in zip(_LIDS, seen, strict=True) if shown):
        cv2.polylines(lids, [np.round(canvas.landmarks[list(lid)] * 16).astype(np.int32)], False, 255, wide, 16, 4)
    return mix(done, 0.28 * done, (0.85 / 255 * lids.astype(np.float32))[..., None])


def _iris_colour(canvas: Canvas, center: np.ndarray, radius: float) -> np.ndarray:
    """(3,) float32: what the iris shows between pupil and rim, without lid, white and catchlight."""
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    turns = turns[np.sin(turns) > -0.5]  # the upper part lies in the lid's shade, or under it
    at = np.concatenate(
        [center + radius * share * np.stack((np.cos(turns), np.sin(turns)), 1) for share in (0.55, 0.7)]
    )
    at = np.clip(np.round(at).astype(int), 0, (canvas.width - 1, canvas.height - 1))
    seen = canvas.source[at[:, 1], at[:, 0]]
    order = np.argsort(seen.mean(axis=1))
    return np.asarray(seen[order[: max(3, len(order) * 2 // 3)]].mean(axis=0), np.float32)


def _corners(canvas: Canvas, pitch: float, rng: np.random.Generator) -> np.ndarray:
    """(N, 2) float32: the face's own corners, then outlines of the figure's parts, then loose points between."""
    height, width = canvas.height, canvas.width
    kept: list[np.ndarray] = []
    near = np.zeros((height, width), np.uint8)

    def keep(points: np.ndarray, reach: float) -> None:
        for x, y in points:
            column, row = int(np.clip(x, 0, width - 1)), int(np.clip(y, 0, height - 1))
            if not near[row, column]:
                kept.append(np.array((column, row), np.float32))
                cv2.circle(near, (column, row), max(1, round(reach)), 1, -1)

    if canvas.landmarks is not None:
        right = np.array(_CORNERS)
        chosen = np.unique(np.concatenate((right, mirrored()[right])))
        corners = canvas.landmarks[[*_IRIS_RINGS, *chosen]]
        at = np.clip(np.round(corners).astype(int), 0, (width - 1, height - 1))
        # In profile the far half of the mesh lies in the air.
        keep(corners[canvas.person[at[:, 1], at[:, 0]] > 0.3], 0.012 * canvas.face_size)
        oval = canvas.landmarks[list(OVAL)].astype(np.int32)
        cv2.fillPoly(near, [oval], 1)
    found = parts(canvas)
    edge = np.linspace(0, 1, max(3, round(max(height, width) / (1.6 * pitch))))
    for at in (0, 1):
        keep(np.stack((edge * (width - 1), np.full_like(edge, at * (height - 1))), 1), 0.9 * pitch)
        keep(np.stack((np.full_like(edge, at * (width - 1)), edge * (height - 1)), 1), 0.9 * pitch)
    for mask in (canvas.person, found.hair, found.cloth):
        for outline in cv2.findContours((mask > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]:
            if len(outline) > 3 * pitch:
                keep(outline[:: max(1, round(0.75 * pitch)), 0], 0.6 * pitch)
    luma = cv2.cvtColor(blur(canvas.source, 0.12 * pitch), cv2.COLOR_RGB2GRAY)
    activity = cv2.magnitude(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))
    loose = rng.random((round(14 * height * width / pitch**2), 2)) * (width - 1, height - 1)
    rows = loose.astype(int)
    loose = loose[np.argsort(-activity[rows[:, 1], rows[:, 0]], kind="stable")]
    inside = canvas.person[loose[:, 1].astype(int), loose[:, 0].astype(int)] > 0.5
    keep(loose[inside], 0.95 * pitch)
    keep(loose[~inside], 1.7 * pitch)
    return np.array(kept, np.float32)


def _facets(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """(N, 3, 2) float32 triangles of Delaunay between the points."""
    corners = np.array([(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)], np.float32)
    division = cv2.Subdiv2D((-2, -2, width + 4, height + 4))
    division.insert([(float(x), float(y)) for x, y in np.concatenate((points, corners))])
    triangles = np.asarray(division.getTriangleList(), np.float32).reshape(-1, 3, 2)
    return triangles[((triangles >= -1) & (triangles <= (width, height))).all(axis=(1, 2))]


def mosaic(canvas: Canvas, step: recipe.Mosaic) -> None:
    """recipe.Mosaic. Opus vermiculatum: rows of stones run along the outlines of the figure and of its parts.

    After Hausner (Simulating decorative mosaics, 2001), with rows traced as level lines of the distance to outlines.
    """
    rng = canvas.rng()
    height, width, unit = canvas.height, canvas.width, canvas.unit
    size = max(5.0, step.stone * unit * canvas.boldness)
    labels = np.zeros((height, width), np.int32)
    places: list[np.ndarray] = []
    face = canvas.face > 0.5
    for field, zone, pitch in _zones(canvas, step, size, face):
        _lay(labels, places, field, zone, pitch, rng)
    _fill_gaps(labels, places, face, size)
    spots = np.concatenate(places) if places else np.zeros((0, 2), np.float32)
    count = len(spots) + 1
    at = np.clip(spots.astype(int), 0, (width - 1, height - 1))
    lab = cv2.cvtColor(blur(canvas.image, 0.16 * size), cv2.COLOR_RGB2LAB)
    colors = np.concatenate((np.zeros((1, 3)), lab[at[:, 1], at[:, 0]]))
    calm = 1 - 0.75 * np.concatenate(([0], canvas.face[at[:, 1], at[:, 0]]))
    if step.frames:
        rows = np.minimum(spots, (width - 1, height - 1) - spots).min(axis=1) / size
        frame = step.frames[canvas.choice(len(step.frames))]
        stripes = cv2.cvtColor(np.array([[rgb(color) for color in frame]], np.float32), cv2.COLOR_RGB2LAB)[0]
        outer = np.flatnonzero(rows < len(frame))
        colors[outer + 1] = stripes[rows[outer].astype(int).clip(0)]
    colors[:, 0] += rng.normal(0, 14.0 * step.variety, count) * calm
    colors[:, 1:] = colors[:, 1:] * 1.12 + rng.normal(0, 7.0 * step.variety, (count, 2)) * calm[:, None]
    stones = np.clip(cv2.cvtColor(colors.astype(np.float32)[labels], cv2.COLOR_LAB2RGB), 0, 1)
    seam = np.maximum((labels == 0).astype(np.float32), seams(labels, 0.07 * size))
    seam = cv2.GaussianBlur(seam, (0, 0), 0.45)
    shade = bevel(1 - seam, canvas.light_side, unit) * 0.20
    rough = fractal_noise(height, width, 5 * unit, 2, rng) * 0.09
    stones = np.clip(stones * (1 + shade + rough)[..., None] + 0.05 * smoothstep(0.3, 1.0, shade)[..., None], 0, 1)
    mortar = mix(np.broadcast_to(rgb(step.mortar), stones.shape), 0.55 * blur(canvas.image, size), 0.45)
    canvas.image = mix(stones, mortar, seam * (1 - 0.35 * canvas.features))
    canvas.keep_features(0.2 + 0.3 * canvas.likeness)


def _zones(
    canvas: Canvas, step: recipe.Mosaic, size: float, face: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray, float], ...]:
    """Frame, wall, a border of two rows around the figure, figure and face: field, zone and pitch for `_lay`."""
    height, width = canvas.height, canvas.width
    distance = _to_outlines(canvas)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    figure = canvas.person > 0.5
    # The wall: two rows that follow the figure, then a floor of straight rows.
    around = cv2.distanceTransform((~figure).astype(np.uint8), cv2.DIST_L2, 5)
    rim = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))
    framed = rim < size * len(step.frames[0]) if step.frames else np.zeros_like(face)
    wall = (around > 2.6 * size) & ~framed
    return (
        (rim, framed, size),
        (y + 0.25 * size * np.sin(x / (6 * size)), wall, size),
        (around, ~figure & ~wall & ~framed, 0.9 * size),
        (distance, figure & ~face & ~framed, 0.8 * size),
        (distance, face & ~framed, 0.6 * size),
    )


def _to_outlines(canvas: Canvas) -> np.ndarray:
    """(H, W) float32 pixels to the nearest outline of the figure, its parts and the face's features."""
    lines = np.full((canvas.height, canvas.width), 255, np.uint8)
    found = parts(canvas)
    for mask in (canvas.person, found.hair, found.cloth):
        outlines = cv2.findContours((mask > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
        cv2.drawContours(lines, [line for line in outlines if len(line) > 40 * canvas.unit], -1, 0, 1)
    if canvas.landmarks is not None:
        labels, names = planes(canvas)
        chosen = np.isin(labels, [n + 1 for n, name in enumerate(names) if name in ("eye", "iris", "brow", "nose")])
        outlines = cv2.findContours(chosen.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
        cv2.drawContours(lines, outlines, -1, 0, 1)
        for outline in (OVAL, LIPS):
            cv2.polylines(lines, [canvas.landmarks[list(outline)].astype(np.int32)], True, 0, 1)
    return cv2.GaussianBlur(cv2.distanceTransform(lines, cv2.DIST_L2, 5), (0, 0), max(0.6, canvas.unit))


def _lay(
    labels: np.ndarray,
    places: list[np.ndarray],
    field: np.ndarray,
    zone: np.ndarray,
    pitch: float,
    rng: np.random.Generator,
) -> None:
    """Stones in rows along the level lines of a field, inside a zone. Adds to labels and places.

    Args:
        field: (H, W) float32; rows lie at each `pitch` of it.
        zone: (H, W) bool.
    """
    height, width = labels.shape
    if not zone.any():
        return
    taken = np.zeros((height, width), np.uint8)
    first = 1 + sum(len(spots) for spots in places)
    spots: list[tuple[float, float]] = []
    reach = field[zone]
    for row in range(int(reach.min() / pitch), int(reach.max() / pitch) + 1):
        level = ((field < (row + 0.5) * pitch) & zone).astype(np.uint8)
        if not level.any():
            continue
        for outline in cv2.findContours(level, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]:
            line = outline[:, 0].astype(np.float32)
            if len(line) < 3:
                continue
            closed = np.concatenate((line, line[:1]))
            along = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))))
            steps = np.arange(rng.uniform(0, 0.5) * pitch, along[-1], pitch)
            xs, ys = (np.interp(steps, along, closed[:, axis]) for axis in (0, 1))
            ahead = [np.interp((steps + 0.7 * pitch) % along[-1], along, closed[:, axis]) for axis in (0, 1)]
            behind = [np.interp((steps - 0.7 * pitch) % along[-1], along, closed[:, axis]) for axis in (0, 1)]
            angles = np.arctan2(ahead[1] - behind[1], ahead[0] - behind[0])
            for x, y, angle in zip(xs, ys, angles, strict=True):
                column, line_row = int(x), int(y)
                # Level lines also run along the zone's own rim, where no row belongs.
                if taken[line_row, column] or abs(field[line_row, column] - (row + 0.5) * pitch) > 0.9 * pitch:
                    continue
                cos, sin = 0.47 * pitch * np.cos(angle), 0.47 * pitch * np.sin(angle)
                corners = (
                    (x - cos + sin, y - sin - cos),
                    (x + cos + sin, y + sin - cos),
                    (x + cos - sin, y + sin + cos),
                    (x - cos - sin, y - sin + cos),
                )
                spots.append((x, y))
                fixed = np.round(np.array(corners) * 16).astype(np.int32)
                cv2.fillConvexPoly(labels, fixed, first + len(spots) - 1, cv2.LINE_8, 4)
                cv2.circle(taken, (column, line_row), max(1, round(0.62 * pitch)), 1, -1)
    if spots:
        places.append(np.array(spots, np.float32))


def _fill_gaps(labels: np.ndarray, places: list[np.ndarray], face: np.ndarray, size: float) -> None:
    """Where rows meet a wedge is left: it gets a stone of its shape, as masons do. Adds to labels and places."""
    gap = (cv2.distanceTransform((labels == 0).astype(np.uint8), cv2.DIST_L2, 3) > 0.09 * size).astype(np.uint8)
    if not gap.any():
        return
    _, lumps = cv2.connectedComponents(gap, connectivity=4)
    y, x = np.nonzero(lumps)
    pitch = np.where(face[y, x], 0.75, 1.1) * size
    cell = (y // pitch).astype(np.int64) * 4096 + (x // pitch).astype(np.int64)
    _, stone, sizes = np.unique(lumps[y, x] * np.int64(1 << 24) + cell, return_inverse=True, return_counts=True)
    stone = stone.ravel()
    large = sizes > max(2.0, 0.03 * size * size)
    first = 1 + sum(len(spots) for spots in places)
    number = np.where(large, np.cumsum(large) - 1 + first, 0)
    labels[y, x] = number[stone]
    middle = np.stack([np.bincount(stone, axis) / sizes for axis in (x, y)], axis=1)
    places.append(middle[large].astype(np.float32))


def means(image: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """(count, 3) float64 mean colour of each label."""
    flat = labels.ravel()
    sizes = np.maximum(np.bincount(flat, minlength=count), 1)
    return np.stack([np.bincount(flat, image[..., i].ravel(), count) / sizes for i in range(3)], axis=1)


def seams(labels: np.ndarray, width: float) -> np.ndarray:
    """(H, W) float32, 1 on the borders between labels, `width` pixels wide."""
    border = np.zeros(labels.shape, np.uint8)
    border[:, 1:] |= (labels[:, 1:] != labels[:, :-1]).astype(np.uint8)
    border[1:] |= (labels[1:] != labels[:-1]).astype(np.uint8)
    away = cv2.distanceTransform(1 - border, cv2.DIST_L2, 3)
    return smoothstep(width / 2 + 0.6, width / 2 - 0.4, away) * min(1.0, 0.35 + 0.4 * width)


def bevel(solid: np.ndarray, side: float, unit: float) -> np.ndarray:
    """Light on the rims of raised pieces: above 0 towards the light, below 0 away from it."""
    heights = cv2.GaussianBlur(solid, (0, 0), max(0.7, 1.1 * unit))
    gx, gy = cv2.Scharr(heights, cv2.CV_32F, 1, 0) / 8, cv2.Scharr(heights, cv2.CV_32F, 0, 1) / 8
    return (-side * gx + gy) * (1.6 * max(1.0, unit / 2.0))

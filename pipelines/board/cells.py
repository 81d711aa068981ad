"""The cells of a board, and the key by which each is known: what goes into a picture, and nothing else."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines import VERSION
from pipelines.board.definition import Axis, Board, CheckedBoard
from pipelines.board.photos import SeatedPhoto
from pipelines.hub.stack import ModelStack
from pipelines.portrait_request import build_request
from pipelines.schema import Consent, PortraitRequest, Scene, Style

_SHOWN = {"name", "summary", "order", "family", "based_on"}  # what a reader sees of a preset; it changes no pixel
_SHOWN_STACK = {"name", "summary", "rank", "memory_bytes", "offload_memory_bytes"}


@dataclass(frozen=True)
class Cell:
    """One place on a board.

    Attributes:
        key: SHA-256 in hexadecimal of all that decides how the picture looks: the photo's bytes, the recipe of style
            and scene, likeness, seed, engine, own words, shape and size, and the version of this program.
        photo, style, scene, engine, likeness, seed: Where it stands on each axis: title, ids, numbers.
    """

    key: str
    photo: str
    style: str
    scene: str
    engine: str
    likeness: float
    seed: int

    def at(self, axis: Axis) -> str | float | int:
        """Where it stands on an axis."""
        value: str | float | int = getattr(self, axis)
        return value


def values(board: CheckedBoard, axis: Axis) -> tuple[str | float | int, ...]:
    """What stands on an axis, in the board's order."""
    said = board.board
    if axis == "photo":
        return tuple(photo.title for photo in said.photos)
    fields: dict[Axis, tuple[str | float | int, ...]] = {
        "style": said.styles,
        "scene": said.scenes,
        "engine": said.engines,
        "likeness": said.likeness,
        "seed": said.seeds,
    }
    return fields[axis]


def cells(board: CheckedBoard, photos: Sequence[SeatedPhoto]) -> tuple[Cell, ...]:
    """Every cell, in the order of the axes: photo, style, scene, engine, likeness, seed.

    Args:
        photos: Those of the board, in its order.
    """
    said = board.board
    seated = {photo.title: photo for photo in photos}
    recipes = {
        (style, scene, engine): _recipe(board, style, scene, engine)
        for style in said.styles
        for scene in said.scenes
        for engine in said.engines
    }
    found = []
    for photo, style, scene, engine, likeness, seed in itertools.product(
        (photo.title for photo in said.photos), said.styles, said.scenes, said.engines, said.likeness, said.seeds
    ):
        inputs = {
            "app": VERSION,
            "photo": seated[photo].sha256,
            "face": seated[photo].face_index,
            "recipe": recipes[style, scene, engine],
            "likeness": float(likeness),
            "seed": seed,
            "words": said.words.strip(),
            "label": said.label,
            **_beyond_usual(said),
        }
        key = _digest(inputs)
        found.append(Cell(key, photo, style, scene, engine, float(likeness), seed))
    return tuple(found)


def request_of(board: CheckedBoard, cell: Cell, photo: SeatedPhoto, consent: Consent) -> PortraitRequest:
    """What the pipeline is asked for.

    Args:
        photo: The cell's own.
        consent: Under which it is made.

    Raises:
        RequestInvalid: A value is out of range, which a checked board's never are.
    """
    return build_request(
        photo=photo.photo,
        face_index=photo.face_index,
        style_id=cell.style,
        scene_id=cell.scene,
        likeness=cell.likeness,
        seeds=(cell.seed,),
        model_id=cell.engine,
        shape=board.board.shape,
        size=board.board.size,
        extra_prompt=board.board.words,
        visible_label=board.board.label,
        own_style=board.styles[cell.style] if cell.style in board.own else None,
        consent=consent,
    )


def _beyond_usual(said: Board) -> dict[str, str]:
    """Shape and size where they are others than those of all boards before there was a choice, whose cells stay."""
    usual = Board.model_fields
    return {name: getattr(said, name) for name in ("shape", "size") if getattr(said, name) != usual[name].default}


def _recipe(board: CheckedBoard, style: str, scene: str, engine: str) -> str:
    """Digest of what a style and a scene are for an engine, and of what the engine is made of."""
    stack = board.stacks.get(engine)
    return _digest(
        {
            "style": _plain(board.styles[style], engine),
            "scene": _plain(board.scenes[scene], engine),
            "engine": engine,
            "stack": None if stack is None else _plain(stack, engine),
        }
    )


def _plain(preset: Style | Scene | ModelStack, engine: str) -> dict[str, Any]:
    """A preset without what changes no picture of this engine."""
    said = preset.model_dump(mode="json", exclude=_SHOWN_STACK if isinstance(preset, ModelStack) else _SHOWN)
    if isinstance(preset, Style):
        said["overrides"] = said["overrides"].get(engine)
    return said


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

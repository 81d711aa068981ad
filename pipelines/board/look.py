"""A cell's look as a style file: what it was made with, to be copied into presets/styles and changed there."""

from __future__ import annotations

from pydantic import ValidationError

from languages.saying import say
from pipelines.board.cells import Cell
from pipelines.board.definition import CheckedBoard
from pipelines.errors import PresetError
from pipelines.presets.writing import as_toml
from pipelines.schema import Style


def as_preset(board: CheckedBoard, cell: Cell, name: str | None = None) -> str:
    """The style of a cell as TOML that validates as `presets/styles/<id>.toml`.

    What was changed for the cell's engine stays in its override; scene, likeness and seed, which are no part of a
    style, stand in comments.

    Args:
        name: Of the new style; left out, the style's own with "(copy)".

    Raises:
        PresetError: The name is too short or too long.
    """
    style = board.styles[cell.style]
    heading = (
        f"{style.name}, as on the board {board.board.title!r}.",
        f"There with: scene {cell.scene}, engine {cell.engine}, likeness {cell.likeness:g}, seed {cell.seed}.",
    )
    changed = {
        "name": f"{style.name[:33]} (copy)" if name is None else name,
        "based_on": style.based_on if cell.style in board.own else style.id,
    }
    try:
        copy = Style.model_validate(style.model_dump() | changed)
    except ValidationError as error:
        raise PresetError(say("Give the style a name of 2 to 40 characters.")) from error
    return as_toml(copy, heading)

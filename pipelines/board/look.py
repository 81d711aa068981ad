"""A cell's look as a style file: what it was made with, to be copied into presets/styles and changed there."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from pydantic import ValidationError

from languages.saying import say
from pipelines.board.cells import Cell
from pipelines.board.definition import CheckedBoard
from pipelines.errors import PresetError
from pipelines.schema import Style

_BARE = re.compile(r"[A-Za-z0-9_-]+")


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
    said = style.model_dump(mode="json", exclude={"id"}, exclude_defaults=True)
    said["name"] = f"{style.name[:33]} (copy)" if name is None else name
    heading = [
        f"# {board.styles[cell.style].name}, as on the board {board.board.title!r}.",
        f"# There with: scene {cell.scene}, engine {cell.engine}, likeness {cell.likeness:g}, seed {cell.seed}.",
    ]
    text = "\n".join([*(line.replace("\n", " ") for line in heading), "", *_table(_with_ops(said, style), "")]) + "\n"
    try:
        Style.model_validate({"id": "copy", **tomllib.loads(text)})
    except ValidationError as error:
        raise PresetError(say("Give the style a name of 2 to 40 characters.")) from error
    return text


def _with_ops(said: dict[str, Any], style: Style) -> dict[str, Any]:
    """Without defaults the kind of an operation is missing, for it is the default of its class."""
    said["preview"] = _steps(style.preview)
    for key in ("start", "finish"):
        if getattr(style, key) is not None:
            said[key] = _steps(getattr(style, key))
    for engine, override in style.overrides.items():
        for key in ("start", "finish"):
            if getattr(override, key) is not None:
                said["overrides"][engine][key] = _steps(getattr(override, key))
    return said


def _steps(steps: Any) -> list[dict[str, Any]]:
    return [{"op": step.op, **step.model_dump(mode="json", exclude_defaults=True)} for step in steps]


def _table(values: dict[str, Any], path: str) -> list[str]:
    """Lines of a table: plain values first, then tables and lists of tables, each under its heading."""
    plain, nested = [], []
    for key, value in values.items():
        name = key if _BARE.fullmatch(key) else json.dumps(key)
        where = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            body = _table(value, where)
            is_only_tables = bool(body) and body[0] == "" and body[1].startswith("[")
            nested += body if is_only_tables else ["", f"[{where}]", *body]
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for item in value:
                nested += ["", f"[[{where}]]", *_table(item, where)]
        elif value is not None:
            plain.append(f"{name} = {_value(value)}")
    return [*plain, *nested]


def _value(value: Any) -> str:
    """One TOML value. JSON's strings, numbers and lists are TOML's too, but for what lies beyond plain characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)

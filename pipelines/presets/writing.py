"""A style as the text of a file that loads again: what is exported, and what is copied from a board, in one form."""

from __future__ import annotations

import json
import re
from typing import Any

from pipelines.schema import Style

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def as_toml(style: Style, heading: tuple[str, ...] = ()) -> str:
    """The style as TOML that validates as `presets/styles/<id>.toml`. Its id, which is the file's name, is not in it.

    Args:
        heading: Lines that stand above it as comments.
    """
    said = style.model_dump(mode="json", exclude={"id"}, exclude_defaults=True)
    comments = [f"# {' '.join(line.split())}" for line in heading]
    return "\n".join([*comments, *([""] if comments else []), *_table(_with_ops(said, style), "")]) + "\n"


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

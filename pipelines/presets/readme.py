"""presets/README.md, written from the schema so that it cannot drift."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Len, Lt, MaxLen, MinLen, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipelines import schema
from pipelines.engines.kinds import KINDS
from pipelines.hub.components import Component
from pipelines.hub.licences import commercial_use
from pipelines.hub.stack import ModelStack
from pipelines.recipe import RecipeStep

_INTRODUCTION = """\
# Presets
One TOML file a preset; the file name is its id (lower case, digits, hyphens). Unknown keys and numbers out of range
are errors that name file and field; a wrong file is left out, the others still load. Keys that diffusers knows keep
diffusers' names and reach the pipeline call unchanged.

This page is generated from `pipelines/schema.py`, `pipelines/engines/*/stack.py` and `pipelines/recipe.py` by
`python -m pipelines.presets`; a test fails when it is out of date.

**Add a style**: copy a file in `styles/`, change it, run `python -m pipelines.thumbnails`, start the app. No code.
**Add a scene**: the same in `scenes/`; `backdrop` names a painter of the instant filters.
**Not part of this project**: the same folders below the one that `STUDIO_PRESETS` names, read beside these.
Each file has a name that is not taken here.
**A visitor's own**: *Edit this style* on the page writes such a file, and takes one in. It can be put into `styles/`.
**Add a model**: the same in `models/`; `python -m pipelines.hub list` shows whether it is complete.
"""


def render_readme() -> str:
    """The whole page as Markdown."""
    parts = [_INTRODUCTION]
    parts += _section("styles/<id>.toml", schema.Style)
    parts += _section("`[[controls]]` in a style", schema.ControlSetting)
    parts += _section("`[overrides.<model id>]` in a style", schema.StyleOverride)
    parts += [
        "## `[[preview]]` in a style",
        "The instant filters run these in their order. `op` names the operation.\n",
    ]
    for step in _members(RecipeStep):
        parts += _section(f'`op = "{step.model_fields["op"].default}"`', step, level=3, skip=("op",))
    parts += _section("scenes/<id>.toml", schema.Scene)
    parts += _section("`[light]` in a scene", schema.Light)
    for stack in dict.fromkeys(kind.stack for kind in KINDS.values()):
        kinds = ", ".join(f"`{name}`" for name, kind in KINDS.items() if kind.stack is stack)
        parts += _section(f"models/<id>.toml of kind {kinds}", stack)
        for table, keys in _tables(stack).items():
            parts += _section(f"{', '.join(f'`{key}`' for key in keys)} in such a file", table, level=3)
    return "\n".join(parts).rstrip() + "\n"


_BEGIN, _END = "<!-- licences of weights: python -m pipelines.presets writes this table -->", "<!-- end -->"


def with_licences(readme: str, models: Mapping[str, ModelStack]) -> str:
    """The project's README with the table of licences between its two marks written anew."""
    before, _, rest = readme.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{licence_table(models)}\n{_END}{after}"


def licence_table(models: Mapping[str, ModelStack]) -> str:
    """Every part of every stack with its licence, and whether it may be used commercially, as Markdown."""
    rows = ["| stack | parts | licence | commercial use | GB |", "|---|---|---|---|---|"]
    for stack in sorted(models.values(), key=lambda one: (-one.rank, one.id)):
        by_licence: dict[str, list[Component]] = {}
        for component in stack.components():
            by_licence.setdefault(component.source.licence, []).append(component)
        for licence, parts in by_licence.items():
            names = ", ".join(dict.fromkeys(part.name for part in parts))
            size = sum(part.source.bytes for part in parts) / 1e9
            rows.append(f"| {stack.id} | {names} | {licence} | {commercial_use(licence)} | {size:.2f} |")
    return "\n".join(rows)


def _section(title: str, model: type[BaseModel], level: int = 2, skip: tuple[str, ...] = ("id",)) -> Iterator[str]:
    yield f"{'#' * level} {title}"
    yield (model.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ") + "\n"
    rows = [
        f"| `{name}` | {_kind(info)} | {_range(info)} | {_default(info)} | {info.description or ''} |"
        for name, info in model.model_fields.items()
        if name not in skip
    ]
    if rows:
        yield "| key | type | range | default | meaning |\n|---|---|---|---|---|"
        yield "\n".join(rows) + "\n"


def _tables(model: type[BaseModel]) -> dict[type[BaseModel], list[str]]:
    """The tables that a file may hold, also inside one another, with the keys under which they stand."""
    found: dict[type[BaseModel], list[str]] = {}
    for key, info in model.model_fields.items():
        for kind in _classes(info.annotation):
            for table, keys in ({kind: [key]} | _tables(kind)).items():
                found[table] = list(dict.fromkeys([*found.get(table, []), *keys]))
    return found


def _classes(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _classes(argument)


def _members(union: Any) -> Iterator[type[BaseModel]]:
    if get_origin(union) is Annotated:
        union = get_args(union)[0]
    if get_origin(union) in (Union, types.UnionType):
        yield from get_args(union)
    else:
        yield union


def _kind(info: FieldInfo) -> str:
    return _type_name(info.annotation)


def _type_name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return "nothing"
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if annotation == RecipeStep:
        return "operations (see below)"
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(_type_name(a) for a in arguments if a is not type(None))
    if origin is tuple:
        return f"list of {_type_name(arguments[0])}" if Ellipsis in arguments else f"{len(arguments)} values"
    if origin is dict:
        return f"table of {_type_name(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table (see below)"
    return {"str": "text", "int": "integer", "float": "number", "bool": "true or false"}.get(
        annotation.__name__, annotation.__name__
    )


def _range(info: FieldInfo) -> str:
    metadata = [*info.metadata]
    for argument in get_args(info.annotation):
        metadata += [m for m in getattr(argument, "__metadata__", ()) if not isinstance(m, FieldInfo)]
        for nested in getattr(argument, "__metadata__", ()):
            if isinstance(nested, FieldInfo):
                metadata += nested.metadata
    words: list[str] = []
    for limit in metadata:
        match limit:
            case Ge(ge=value):
                words.append(f"from {value:g}")
            case Gt(gt=value):
                words.append(f"over {value:g}")
            case Le(le=value):
                words.append(f"to {value:g}")
            case Lt(lt=value):
                words.append(f"under {value:g}")
            case MultipleOf(multiple_of=value):
                words.append(f"multiple of {value:g}")
            case MinLen(min_length=value):
                words.append(f"at least {value} long")
            case MaxLen(max_length=value):
                words.append(f"at most {value} long")
            case Len(min_length=low, max_length=high):
                words.append(f"{low} to {high} long")
    return ", ".join(words)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    value = info.default if info.default is not PydanticUndefined else info.get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value!r}`".replace("'", '"')

"""A style as settings that can be changed one by one, each with its range, read from the schema; and the changed style.

A setting is named by its path in the style: `strength`, `controls.0.control_guidance_end`, `preview.3.amount`,
`overrides.embedded.finish.1.width`.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from languages.saying import named, say
from pipelines.errors import RequestInvalid
from pipelines.presets.own import SHOWN
from pipelines.recipe.words import HexColor, Step
from pipelines.schema import ControlSetting, Style, StyleOverride

Kind = Literal["number", "integer", "choice", "switch", "colour", "colours", "palettes", "text"]
Part = Literal["filters", "model", "laid"]
_UNEDITED = (*SHOWN, "finish_steps")
_RECIPES = ("preview", "start", "finish")
_CONTROLS = {
    "canny": say("Guided by the edges"),
    "lineart": say("Guided by the line drawing"),
    "softedge": say("Guided by the soft edges"),
    "mediapipe_face": say("Guided by the face"),
    "pose": say("Guided by the pose"),
    "depth": say("Guided by the depth"),
    "tile": say("Guided by the picture itself"),
}


class Setting(NamedTuple):
    """One thing that can be changed.

    Attributes:
        path: Where it stands in the style.
        label, about: What it is, in a word and in a sentence.
        kind: What its value is. colours: a list of them; palettes: a list of such lists.
        value: What it has now, as JSON; None where the model's or the style's own holds.
        low, high: Range of a number, or of the length of a text.
        over: The number must be over `low`, not at it.
        choices: Of a choice.
        optional: It may be None.
        first: It is one of the few that matter most.
    """

    path: str
    label: str
    about: str
    kind: Kind
    value: Any
    low: float | None = None
    high: float | None = None
    over: bool = False
    choices: tuple[str, ...] = ()
    optional: bool = False
    first: bool = False

    def wrong(self, group: str) -> str:
        """What is said of a value that it cannot have."""
        wanted: str = say("colours, written as #a1b2c3")
        if self.kind == "choice":
            wanted = say("one of: {choices}", choices=", ".join(self.choices))
        elif self.kind == "switch":
            wanted = say("true or false")
        elif self.kind == "text":
            wanted = say("{low:g} to {high:g} characters", low=self.low or 0, high=self.high or 0)
        elif self.kind in ("number", "integer") and self.low is not None and self.high is not None:
            ends = {"low": self.low, "high": self.high}
            if self.kind == "integer":
                wanted = say("a whole number from {low:g} to {high:g}", **ends)
            else:
                wanted = say("from {low:g} to {high:g}", **ends)
            if self.over:
                wanted = say("over {low:g} to {high:g}", **ends)
        return say("{group}, {label}: choose {wanted}.", group=group, label=self.label, wanted=wanted)


class Group(NamedTuple):
    """Settings that belong together.

    Attributes:
        part: filters: of the recipe. model: what a diffusion model reads. laid: filters before and after a model.
    """

    title: str
    about: str
    part: Part
    settings: tuple[Setting, ...]


def form(style: Style, names: Mapping[str, str], *, words: bool) -> tuple[Group, ...]:
    """All settings of a style.

    Args:
        names: Names of the engines whose settings of their own are shown, by id.
        words: Whether prompts are among them.
    """
    groups = [_step(step, f"preview.{number}", "") for number, step in enumerate(style.preview)]
    groups.append(_table(style, "", say("How the model works"), "", first=("strength",)))
    groups += _controls(style.controls, "controls", "")
    groups += _recipes(style, "", say("a model"))
    for engine in dict.fromkeys([*style.overrides, *names]):
        override, name = style.overrides.get(engine, StyleOverride()), names.get(engine, engine)
        path = f"overrides.{engine}"
        groups.append(
            _table(override, f"{path}.", say("Only for {name}", name=name), say("Left out, what stands above holds."))
        )
        groups += _controls(override.controls or (), f"{path}.controls", say("Only for {name}", name=name))
        groups += _recipes(override, f"{path}.", name)
    found = [group for group in groups if group.settings]
    return tuple(found) if words else tuple(_without_words(found))


def changed(style: Style, changes: Mapping[str, Any], groups: Sequence[Group]) -> Style:
    """The style with other values.

    What is changed of a filter changes in the recipes for models too, where they have the same filter.

    Args:
        changes: New values by path.
        groups: The form that they were chosen in.

    Raises:
        RequestInvalid: There is no such setting, or it cannot have that value; the hint names it.
    """
    known = {setting.path: (group, setting) for group in groups for setting in group.settings}
    content = style.model_dump(mode="json")
    for path, value in changes.items():
        if path not in known:
            raise RequestInvalid(say("There is no such setting in this style; close the editor and open it again."))
        group, setting = known[path]
        if not _is_of(setting, value):  # pydantic would take a number out of a text
            raise RequestInvalid(setting.wrong(group.title))
        for place in (path, *_twins(style, path)):
            _put(content, place.split("."), value)
    try:
        return Style.model_validate(content)
    except ValidationError as error:
        path = ".".join(str(part) for part in error.errors()[0]["loc"])
        place = next((p for p in changes if _same(p, path)), next(iter(changes), ""))
        group, setting = known[place]
        raise RequestInvalid(setting.wrong(group.title)) from error


# --- groups ----------------------------------------------------------------------------------------------------------


def _step(step: Step, path: str, before: str) -> Group:
    kind = type(step)
    op = kind.model_fields["op"]
    extra: Any = op.json_schema_extra
    title = kind.title()
    return Group(
        say("{before}: {what}", before=before, what=named(title)) if before else named(title),
        named(
            re.sub(r"\s*\([^)]*\)", "", " ".join((kind.__doc__ or "").split("\n\n")[0].split()))
        ),  # without the sources
        "laid" if before else "filters",
        tuple(_settings(step, f"{path}.", first=tuple((extra or {}).get("first", ())))),
    )


def _table(values: BaseModel, path: str, title: str, about: str, first: tuple[str, ...] = ()) -> Group:
    return Group(title, about, "model", tuple(_settings(values, path, first=first)))


def _controls(controls: Sequence[ControlSetting], path: str, before: str) -> Iterator[Group]:
    for number, control in enumerate(controls):
        name = _CONTROLS[control.annotator]
        yield Group(
            say("{before}: {what}", before=before, what=name) if before else name,
            say("How closely the model follows what is drawn from the photo, and for how long (ControlNet)."),
            "model",
            tuple(_settings(control, f"{path}.{number}.", first=("controlnet_conditioning_scale",))),
        )


def _recipes(values: Style | StyleOverride, path: str, name: str) -> Iterator[Group]:
    for key, when in (("start", say("Before {name}", name=name)), ("finish", say("After {name}", name=name))):
        for number, step in enumerate(getattr(values, key) or ()):
            yield _step(step, f"{path}{key}.{number}", when)


def _without_words(groups: Sequence[Group]) -> Iterator[Group]:
    for group in groups:
        settings = tuple(one for one in group.settings if one.kind != "text")
        if settings:
            yield group._replace(settings=settings)


def _settings(values: BaseModel, path: str, first: tuple[str, ...] = ()) -> Iterator[Setting]:
    for name, info in type(values).model_fields.items():
        if name in _UNEDITED or name in _RECIPES or name in ("op", "annotator", "controls", "overrides"):
            continue
        if setting := _setting(info, f"{path}{name}", name, getattr(values, name), name in first):
            yield setting


def _setting(info: FieldInfo, path: str, name: str, value: Any, first: bool) -> Setting | None:
    annotation, optional, limits = info.annotation, False, list(info.metadata)
    if get_origin(annotation) in (Union, types.UnionType):
        optional = True
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    colour = HexColor in (annotation, info.annotation) or _is_colour(info)
    if get_origin(annotation) is Annotated:
        limits += _limits(annotation)
        annotation = get_args(annotation)[0]
    about = (info.description or "").strip()
    label = info.title or name.replace("_", " ").capitalize().replace("Color", "Colour")
    label = "Colours" if label in ("Ramps", "Pairs", "Palettes") else label
    setting = Setting(path, named(label), named(about), "text", _json(value), optional=optional, first=first)
    if get_origin(annotation) is Literal:
        return setting._replace(kind="choice", choices=tuple(str(one) for one in get_args(annotation)))
    if annotation is bool:
        return setting._replace(kind="switch")
    if annotation in (int, float):
        low, high = _bounds(limits)
        over = any(isinstance(one, Gt) for one in limits)
        kind: Kind = "integer" if annotation is int else "number"
        return setting._replace(kind=kind, low=low, high=high, over=over) if None not in (low, high) else None
    if annotation is str and colour:
        return setting._replace(kind="colour")
    if annotation is str:
        longest = next((one.max_length for one in limits if isinstance(one, MaxLen)), None)
        shortest = next((one.min_length for one in limits if isinstance(one, MinLen)), 0)
        return setting._replace(low=float(shortest), high=None if longest is None else float(longest))
    return _list_setting(setting, annotation)


def _list_setting(setting: Setting, annotation: Any) -> Setting | None:
    """Lists of colours, and lists of those; others are changed in a file."""
    value = setting.value
    if get_origin(annotation) is not tuple or not value or not isinstance(value, list):
        return None
    if all(isinstance(one, str) for one in value):
        return setting._replace(kind="colours")
    if all(isinstance(one, list) and all(isinstance(colour, str) for colour in one) for one in value):
        return setting._replace(kind="palettes")
    return None


def _is_colour(info: FieldInfo) -> bool:
    """Whether its pattern is that of a colour: pydantic takes `Annotated` apart."""
    pattern = next((one.pattern for one in get_args(HexColor)[1].metadata if getattr(one, "pattern", None)), None)
    found = [*info.metadata, *(inner for one in get_args(info.annotation) for inner in _limits(one))]
    return any(getattr(one, "pattern", None) == pattern for one in found)


def _limits(annotation: Any) -> list[Any]:
    found: list[Any] = []
    for one in getattr(annotation, "__metadata__", ()):
        found += one.metadata if isinstance(one, FieldInfo) else [one]
    return found


def _bounds(limits: Sequence[Any]) -> tuple[float | None, float | None]:
    low = next((one.ge if isinstance(one, Ge) else one.gt for one in limits if isinstance(one, Ge | Gt)), None)
    high = next((one.le for one in limits if isinstance(one, Le)), None)
    return (None if low is None else float(str(low))), (None if high is None else float(str(high)))


def _json(value: Any) -> Any:
    return [_json(one) for one in value] if isinstance(value, tuple) else value


# --- changes ---------------------------------------------------------------------------------------------------------


def _twins(style: Style, path: str) -> Iterator[str]:
    """Where the same filter stands in the recipes for models."""
    parts = path.split(".")
    if parts[0] != "preview":
        return
    steps, number = style.preview, int(parts[1])
    op = steps[number].op
    place = sum(step.op == op for step in steps[:number])
    recipes = [("", style.start, style.finish)]
    recipes += [(f"overrides.{engine}.", one.start, one.finish) for engine, one in style.overrides.items()]
    for where, start, finish in recipes:
        # Counted over both: the second of its kind in the filters' recipe may be the first one in a finish.
        whole = [
            (given is not None, part, index, step)
            for part, given, default in (("start", start, style.start_recipe), ("finish", finish, style.finish_recipe))
            for index, step in enumerate(default if given is None else given)
        ]
        same = [(written, part, index) for written, part, index, step in whole if step.op == op]
        if place < len(same) and same[place][0]:
            yield ".".join([f"{where}{same[place][1]}", str(same[place][2]), *parts[2:]])


def _put(content: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    place: Any = content
    for part in parts[:-1]:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    place[parts[-1]] = value


def _same(path: str, loc: str) -> bool:
    """Whether an error's place is that of a path; pydantic names an operation besides: preview.3.strokes.width."""
    ours, theirs = path.split("."), iter(loc.split("."))
    return all(part in theirs for part in ours)


def _is_of(setting: Setting, value: Any) -> bool:
    if value is None:
        return setting.optional
    if setting.kind == "switch":
        return isinstance(value, bool)
    if setting.kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if setting.kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, list) if setting.kind in ("colours", "palettes") else isinstance(value, str)

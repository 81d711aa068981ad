"""The presets/ folder as values: styles, scenes, model stacks.

A file that is wrong is left out and named, with the field, in `Presets.problems`; the others still load.
"""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from languages.saying import say
from pipelines.engines.kinds import KINDS, Kind
from pipelines.errors import PresetError, RequestInvalid, SettingsError
from pipelines.hub.stack import ModelStack
from pipelines.safety.policy import default_policy
from pipelines.schema import Family, Scene, Style
from pipelines.settings import Settings

log = logging.getLogger(__name__)

PRESETS = Path(__file__).resolve().parents[2] / "presets"
THUMBNAILS = PRESETS / "thumbnails"

MAX_FILE_BYTES = 64 * 1024
T = TypeVar("T", bound=BaseModel)
ClassOf = Callable[[dict[str, Any]], type[T]]

# Translators: families of styles; buttons show what stands before an "&", so keep " & " where there is one
FAMILY_NAMES: dict[Family, str] = {
    "painting": say("Painting"),
    "illustration": say("Illustration & animation"),
    "futuristic": say("Futuristic"),
    "photographic": say("Photographic & material"),
}


@dataclass(frozen=True)
class Presets:
    """All presets that loaded, each dict in the order of the picker, and what was wrong with the others.

    Attributes:
        styles: Those that need nothing but a photo.
        picture_styles: Those that paint after a picture which the visitor gives.
    """

    styles: dict[str, Style]
    scenes: dict[str, Scene]
    models: dict[str, ModelStack]
    problems: tuple[PresetError, ...] = field(default=())
    picture_styles: dict[str, Style] = field(default_factory=dict)

    @property
    def all_styles(self) -> dict[str, Style]:
        """Both kinds."""
        return {**self.styles, **self.picture_styles}

    def style(self, style_id: str) -> Style:
        """Raises RequestInvalid with the known ids where this one is unknown."""
        none = say("There is no such style; choose one of: {known}.", known=", ".join(self.all_styles))
        return _pick(self.all_styles, style_id, none)

    def with_own(self, own: Mapping[str, Style]) -> Presets:
        """These with a visitor's own styles, which come last."""
        if not own:
            return self
        plain = {id: style for id, style in own.items() if not style.needs_picture}
        painted = {id: style for id, style in own.items() if style.needs_picture}
        return replace(self, styles={**self.styles, **plain}, picture_styles={**self.picture_styles, **painted})

    def scene(self, scene_id: str) -> Scene:
        """Raises RequestInvalid with the known ids where this one is unknown."""
        none = say("There is no such scene; choose one of: {known}.", known=", ".join(self.scenes))
        return _pick(self.scenes, scene_id, none)


def all_presets() -> Presets:
    """Those of this project, and the operator's own (STUDIO_PRESETS).

    Raises:
        PresetError: As `load_presets`.
        SettingsError: The operator's folder is none.
    """
    return load_presets(more=Settings.read().presets)


def load_presets(root: Path = PRESETS, kinds: Mapping[str, Kind] = KINDS, more: Path | None = None) -> Presets:
    """Read every preset below `root`.

    Args:
        root: Folder with styles/, scenes/ and models/ of TOML files.
        kinds: What a file in models/ may say, by its kind.
        more: Another such folder, whose ids are not those of the first one.

    Raises:
        PresetError: No style or no scene is left to work with.
        SettingsError: `more` is no folder.
    """
    if more is not None and not more.is_dir():
        raise SettingsError("The setting STUDIO_PRESETS must name a folder that is there; correct it and start again.")
    problems: list[PresetError] = []

    def read(kind: str, class_of: ClassOf[T]) -> list[T]:
        built_in = _read_folder(root / kind, class_of, problems)
        return built_in if more is None else built_in + _read_more(more / kind, root / kind, class_of, problems)

    styles, scenes = read("styles", _a_style), read("scenes", _a_scene)
    models: list[ModelStack] = read("models", partial(_stack_class, kinds=kinds) if kinds is not KINDS else _a_stack)
    for problem in problems:
        log.error("preset left out: %s", problem.hint)
    if all(style.needs_picture for style in styles) or not scenes:
        kind = "scene" if scenes == [] else "style"
        raise PresetError(f"There is no usable {kind} file in the presets folder; restore one and start again.")
    families = list(Style.model_fields["family"].annotation.__args__)  # type: ignore[union-attr]
    ordered = sorted(styles, key=lambda s: (families.index(s.family), s.order, s.id))
    return Presets(
        styles={s.id: s for s in ordered if not s.needs_picture},
        picture_styles={s.id: s for s in ordered if s.needs_picture},
        scenes={s.id: s for s in sorted(scenes, key=lambda s: (s.order, s.id))},
        models={m.id: m for m in sorted(models, key=lambda m: (-m.rank, m.id))},
        problems=tuple(problems),
    )


def _read_folder(
    folder: Path, class_of: ClassOf[T], problems: list[PresetError], skip: Collection[str] = ()
) -> list[T]:
    values: list[T] = []
    for path in sorted(folder.glob("*.toml")):
        if path.stem in skip:
            continue
        try:
            values.append(_read_file(path, class_of))
        except PresetError as problem:
            problems.append(problem)
    return values


def _read_more(folder: Path, built_in: Path, class_of: ClassOf[T], problems: list[PresetError]) -> list[T]:
    """The operator's files of one kind. Each id names one preset: a built-in one is never replaced silently."""
    taken = {path.stem for path in built_in.glob("*.toml")}
    for path in sorted(folder.glob("*.toml")):
        if path.stem in taken:
            name = f"{path.parent.name}/{path.name}"
            words = f"Preset {name} in STUDIO_PRESETS: this project has one of that name; give the file another name."
            problems.append(PresetError(words))
    wrong: list[PresetError] = []
    values = _read_folder(folder, class_of, wrong, skip=taken)
    problems += [PresetError(f"{problem.hint} It is in STUDIO_PRESETS.") for problem in wrong]
    return values


def parse_style(text: str, style_id: str, name: str) -> Style:
    """A style from the text of its file, which nobody vouches for: what it says is taken at its word, no number is
    read out of a text. Its words are not reviewed here.

    Args:
        style_id: Its id.
        name: What the hint calls it.

    Raises:
        PresetError: It is wrong; the hint names the field, or the line.
    """
    if len(text.encode()) > MAX_FILE_BYTES:
        raise PresetError(
            say(
                "{name} is larger than {max_file_bytes} kB; shorten it.",
                name=name,
                max_file_bytes=MAX_FILE_BYTES // 1024,
            )
        )
    try:
        content = tomllib.loads(text)
        said = json.dumps({**content, "id": style_id})  # dates, which no style has, are no JSON
    except tomllib.TOMLDecodeError as error:
        raise PresetError(
            say("{name} is not valid TOML: {problem}.", name=name, problem=str(error).rstrip("."))
        ) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise PresetError(say("{name} holds a value that no style has, such as a date.", name=name)) from error
    _require_a_style(content, name)
    try:
        return Style.model_validate_json(said, strict=True)
    except ValidationError as error:
        raise PresetError(f"{name}, {_first_problem(error)}") from error


_OF_MODELS = {"kind", "base", "lora", "ip_adapter", "style_adapter", "controlnets", "vae", "tiny_vae", "scheduler"}
_OF_PLACES = {"repo_id", "path", "file", "url", "weight_name", "subfolder", "revision"}


def _require_a_style(content: dict[str, Any], name: str) -> None:
    if "id" in content:
        raise PresetError(say("{name}, field id: remove it; the studio gives the id.", name=name))
    if foreign := sorted((_OF_MODELS | _OF_PLACES) & set(_keys(content))):
        raise PresetError(
            say(
                "{name}, field {foreign}: a style of yours can name no models, adapters, files or "
                "addresses; only who runs this studio can add those.",
                name=name,
                foreign=foreign[0],
            )
        )
    if "backdrop" in content or "light" in content:
        raise PresetError(say("{name} is the file of a scene; choose that of a style.", name=name))


def _keys(content: dict[str, Any]) -> Iterator[str]:
    """What a file says of the style itself and for models; operations of a recipe have words of their own."""
    yield from content
    for name in ("controls", "overrides"):
        tables = content.get(name)
        inner = tables.values() if isinstance(tables, dict) else tables if isinstance(tables, list) else ()
        for table in inner:
            if isinstance(table, dict):
                yield from table


def _read_file(path: Path, class_of: ClassOf[T]) -> T:
    name = f"{path.parent.name}/{path.name}"
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise PresetError(f"Preset {name} is larger than {MAX_FILE_BYTES // 1024} kB; shorten it.")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PresetError(f"Preset {name} cannot be read; check its permissions and its encoding (UTF-8).") from error
    return _read_text(text, path.stem, name, class_of)


@lru_cache(maxsize=256)  # page, studies and boards read the same files
def _read_text(text: str, preset_id: str, name: str, class_of: ClassOf[T]) -> T:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PresetError(f"Preset {name} is not valid TOML: {error}.") from error
    if "id" in content:
        raise PresetError(f"Preset {name}, field id: remove it, the file name is the id.")
    try:
        preset = class_of(content)(id=preset_id, **content)
    except _UnknownKind as error:
        raise PresetError(f"Preset {name}, field kind: {error}.") from error
    except ValidationError as error:
        raise PresetError(f"Preset {name}, {_first_problem(error)}") from error
    for where, prompt in prompts(preset):
        if refusal := default_policy().review_words(prompt):
            raise PresetError(f"Preset {name}, field {where}: refused by the word list, rule {refusal.rule}.")
    return preset


def _first_problem(error: ValidationError) -> str:
    """The end of a sentence on a file: field, and what is wrong there."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "file"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"field {where}: {first['msg'].removeprefix('Value error, ')}{more}."


class _UnknownKind(Exception):
    """A model stack is of no kind that any engine runs."""


def _a_style(content: dict[str, Any]) -> type[Style]:
    return Style


def _a_scene(content: dict[str, Any]) -> type[Scene]:
    return Scene


def _a_stack(content: dict[str, Any]) -> type[ModelStack]:
    return _stack_class(content, KINDS)


def _stack_class(content: dict[str, Any], kinds: Mapping[str, Kind]) -> type[ModelStack]:
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise _UnknownKind(f"Input should be one of: {', '.join(kinds)}")
    return kinds[kind].stack


def prompts(preset: BaseModel) -> Iterator[tuple[str, str]]:
    """Field and words of every prompt for the text encoder. A negative prompt names what is not wanted, and may."""
    if isinstance(preset, Style | Scene):
        yield "prompt", preset.prompt
    if isinstance(preset, Style):
        for stack, override in preset.overrides.items():
            yield f"overrides.{stack}.prompt", override.prompt or ""


def _pick(known: dict[str, T], key: str, none: str) -> T:
    try:
        return known[key]
    except (KeyError, TypeError):
        raise RequestInvalid(none) from None

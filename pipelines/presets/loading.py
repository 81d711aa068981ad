"""The presets/ folder as values: styles, scenes, model stacks.

A file that is wrong is left out and named, with the field, in `Presets.problems`; the others still load.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from languages.saying import say
from pipelines.engines.kinds import KINDS, Kind
from pipelines.errors import PresetError, RequestInvalid
from pipelines.hub.stack import ModelStack
from pipelines.safety.policy import default_policy
from pipelines.schema import Family, Scene, Style

log = logging.getLogger(__name__)

PRESETS = Path(__file__).resolve().parents[2] / "presets"
THUMBNAILS = PRESETS / "thumbnails"

_MAX_FILE_BYTES = 64 * 1024
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

    def scene(self, scene_id: str) -> Scene:
        """Raises RequestInvalid with the known ids where this one is unknown."""
        none = say("There is no such scene; choose one of: {known}.", known=", ".join(self.scenes))
        return _pick(self.scenes, scene_id, none)


def load_presets(root: Path = PRESETS, kinds: Mapping[str, Kind] = KINDS) -> Presets:
    """Read every preset below `root`.

    Args:
        root: Folder with styles/, scenes/ and models/ of TOML files.
        kinds: What a file in models/ may say, by its kind.

    Raises:
        PresetError: No style or no scene is left to work with.
    """
    problems: list[PresetError] = []
    styles = _read_folder(root / "styles", lambda _: Style, problems)
    scenes = _read_folder(root / "scenes", lambda _: Scene, problems)
    models = _read_folder(root / "models", lambda content: _stack_class(content, kinds), problems)
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


def _read_folder(folder: Path, class_of: ClassOf[T], problems: list[PresetError]) -> list[T]:
    values: list[T] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            values.append(_read_file(path, class_of))
        except PresetError as problem:
            problems.append(problem)
    return values


def _read_file(path: Path, class_of: ClassOf[T]) -> T:
    name = f"{path.parent.name}/{path.name}"
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise PresetError(f"Preset {name} is larger than {_MAX_FILE_BYTES // 1024} kB; shorten it.")
        content = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise PresetError(f"Preset {name} is not valid TOML: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PresetError(f"Preset {name} cannot be read; check its permissions and its encoding (UTF-8).") from error
    if "id" in content:
        raise PresetError(f"Preset {name}, field id: remove it, the file name is the id.")
    try:
        preset = class_of(content)(id=path.stem, **content)
    except _UnknownKind as error:
        raise PresetError(f"Preset {name}, field kind: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise PresetError(f"Preset {name}, field {where}: {first['msg']}{more}.") from error
    for where, prompt in _prompts(preset):
        if refusal := default_policy().review_words(prompt):
            raise PresetError(f"Preset {name}, field {where}: refused by the word list, rule {refusal.rule}.")
    return preset


class _UnknownKind(Exception):
    """A model stack is of no kind that any engine runs."""


def _stack_class(content: dict[str, Any], kinds: Mapping[str, Kind]) -> type[ModelStack]:
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise _UnknownKind(f"Input should be one of: {', '.join(kinds)}")
    return kinds[kind].stack


def _prompts(preset: BaseModel) -> Iterator[tuple[str, str]]:
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

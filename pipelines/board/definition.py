"""What a board shows, from one TOML file: every value is checked before any portrait is made."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from languages.saying import say
from pipelines.engines.base import AUTO, EngineInfo
from pipelines.errors import BoardError, PortraitError
from pipelines.hub.stack import ModelStack
from pipelines.presets.loading import Presets
from pipelines.schema import (
    MAX_PROMPT_CHARACTERS,
    PresetId,
    QuarterTurn,
    Scene,
    Seed,
    Shape,
    Size,
    Style,
    Unit,
    Value,
)

Axis = Literal["photo", "style", "scene", "engine", "likeness", "seed"]
AXES: tuple[Axis, ...] = ("photo", "style", "scene", "engine", "likeness", "seed")
AXIS_NAMES: dict[Axis, str] = {
    "photo": say("Photo"),
    "style": say("Style"),
    "scene": say("Scene"),
    "engine": say("Engine"),
    "likeness": say("Likeness"),
    "seed": say("Seed"),
}
MAX_PHOTOS = 12
MAX_CELLS = 5000
_MAX_FILE_BYTES = 256 * 1024
_MANY = 60  # values of one axis

# Width and height of what an engine makes of a photo with so many pixels along the long side of its crop.
Dimensions = Callable[[str, Shape, Size, float], tuple[int, int]]

# One line: it stands in tables, slides and file names.
Line = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")]


class BoardPhoto(Value):
    """One photo of a board, and who said yes to it."""

    file: Line = Field(min_length=1, max_length=200, description="Its file name in the folder of photos.")
    name: Line = Field("", max_length=60, description="What stands beside it; left out, the file's name.")
    consent: Line = Field(
        min_length=10, max_length=400, description="Who agreed to what, in a sentence that names the person."
    )
    face: int | None = Field(
        None, ge=0, le=50, strict=True, description="Which face, from 1; 0 for none; left out, the surest."
    )
    turn: QuarterTurn = Field(0, description="Degrees clockwise by which it is turned first.")
    mark: Line = Field("", max_length=40, description="A face that is not found: middle and width, in percent.")

    @property
    def title(self) -> str:
        """What stands beside it."""
        return self.name or Path(self.file).stem

    @model_validator(mode="after")
    def _is_a_name(self) -> Self:
        if Path(self.file).name != self.file or "\\" in self.file or self.file in (".", ".."):
            raise ValueError("file must be the name of a file in the folder of photos, without a path")
        return self


class Board(Value):
    """A board: each value of each list is combined with each of the others."""

    title: Line = Field(min_length=1, max_length=120, description="Printed on everything that is exported.")
    notes: str = Field("", max_length=2000, description="What a reader should know; printed under the title.")
    photos: tuple[BoardPhoto, ...] = Field(min_length=1, max_length=MAX_PHOTOS)
    styles: tuple[PresetId, ...] = Field(min_length=1, max_length=_MANY)
    scenes: tuple[PresetId, ...] = Field(("none",), min_length=1, max_length=_MANY)
    seeds: tuple[Seed, ...] = Field((0,), min_length=1, max_length=_MANY)
    engines: tuple[PresetId, ...] = Field((AUTO,), min_length=1, max_length=10)
    likeness: tuple[Unit, ...] = Field((0.5,), min_length=1, max_length=11)
    shape: Shape = Field("1:1", description="Of all portraits, width to height: 1:1, 4:5 or 9:16.")
    size: Size = Field("screen", description="screen, or print for up to 2048 pixels, of engines that follow it.")
    words: str = Field("", max_length=MAX_PROMPT_CHARACTERS, description="Own words, added to every prompt.")
    label: bool = Field(False, strict=True, description="Draw a small visible label into each portrait.")
    rows: Axis = Field("photo", description="What goes down the page.")
    columns: Axis = Field("style", description="What goes across; what is left over goes into tabs.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.rows == self.columns:
            raise ValueError(f"rows and columns are both {self.rows}; choose two different ones")
        for name in ("styles", "scenes", "seeds", "engines", "likeness"):
            twice = _twice(getattr(self, name))
            if twice is not None:
                raise ValueError(f"{name} has {twice} twice; remove one")
        for what in ("file", "title"):
            twice = _twice([getattr(photo, what) for photo in self.photos])
            if twice is not None:
                raise ValueError(f"photos has two named {twice}; give each a name of its own")
        if self.count > MAX_CELLS:
            raise ValueError(f"this makes {self.count} portraits, and a board has {MAX_CELLS} at most")
        return self

    @property
    def count(self) -> int:
        """How many cells it has."""
        product = 1
        for values in (self.photos, self.styles, self.scenes, self.seeds, self.engines, self.likeness):
            product *= len(values)
        return product


@dataclass(frozen=True)
class CheckedBoard:
    """A board whose values all exist here.

    Attributes:
        board: As it was written, "auto" replaced by the engine that it stands for.
        styles, scenes: The presets, by id, as they were when the board was checked.
        engines: What is known of each engine, by id.
        stacks: The models of each engine that has some, by its id.
        dimensions: How large a portrait gets.
        own: Ids of styles that are a visitor's own.
    """

    board: Board
    styles: dict[str, Style]
    scenes: dict[str, Scene]
    engines: dict[str, EngineInfo]
    stacks: dict[str, ModelStack]
    dimensions: Dimensions
    own: frozenset[str] = frozenset()


def load_board(path: Path) -> Board:
    """Read a board's file.

    Raises:
        BoardError: It is wrong; the hint names the field and the value, or the line.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise BoardError(f"{path.name} is larger than {_MAX_FILE_BYTES // 1024} kB; shorten it.")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BoardError(
            f"{path.name} cannot be read; check its name, its permissions and its encoding (UTF-8)."
        ) from error
    return parse_board(text, path.name)


def parse_board(text: str, name: str = "The board") -> Board:
    """A board from the text of its file.

    Args:
        name: What the hint calls it.

    Raises:
        BoardError: As `load_board`.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BoardError(f"{name} is not valid TOML: {str(error).rstrip('.')}.") from error
    return build_board(content, name, text)


def build_board(content: dict[str, Any], name: str = "The board", text: str = "") -> Board:
    """A board from values by field.

    Args:
        name: What the hint calls it.
        text: The file that they come from, whose lines the hint then names.

    Raises:
        BoardError: One of them is wrong; the hint names it.
    """
    try:
        return Board.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = _where(first["loc"])
        line = _line_of(text, first["loc"])
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        given = "" if first["type"] in ("missing", "value_error") or not where else f", not {_shown(first['input'])}"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        field = f", {line}field {where}" if where else ""
        raise BoardError(f"{name}{field}: {message}{given}{more}.") from error


def check(board: Board, presets: Presets, engines: Sequence[EngineInfo], dimensions: Dimensions) -> CheckedBoard:
    """Look every style, scene and engine of a board up.

    Args:
        engines: Those of this machine, as `SelfPortraitPipeline.engines` tells them.
        dimensions: What these make, as `SelfPortraitPipeline.dimensions` tells.

    Raises:
        BoardError: One does not exist or cannot run here; the hint names field and value.
    """
    styles = {id: _known("styles", number, presets.style, id) for number, id in enumerate(board.styles, 1)}
    scenes = {id: _known("scenes", number, presets.scene, id) for number, id in enumerate(board.scenes, 1)}
    here = {info.id: info for info in engines}
    automatic = next((info.id for info in engines if info.is_automatic), None)
    names: list[str] = []
    for number, name in enumerate(board.engines, 1):
        id = automatic if name == AUTO and automatic is not None else name
        if id not in here:
            raise BoardError(f"Field engines.{number}: there is no {name}; choose one of: {', '.join((AUTO, *here))}.")
        if not here[id].available:
            raise BoardError(f"Field engines.{number}, {name}: {here[id].reason}")
        if id in names:
            raise BoardError(f"Field engines.{number}: {name} is {id} here, which stands there already; remove one.")
        names.append(id)
    return CheckedBoard(
        board=board.model_copy(update={"engines": tuple(names)}),
        styles=styles,
        scenes=scenes,
        engines={id: here[id] for id in names},
        stacks={id: presets.models[id] for id in names if id in presets.models},
        dimensions=dimensions,
    )


def _known(field: str, number: int, find: Any, id: str) -> Any:
    try:
        return find(id)
    except PortraitError as error:
        raise BoardError(f"Field {field}.{number}, {id}: {error.hint}") from error


def _twice(values: Sequence[object]) -> object | None:
    return next((value for place, value in enumerate(values) if value in values[:place]), None)


def _where(place: tuple[int | str, ...]) -> str:
    """photos.0.file as a reader counts: photos.1.file."""
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in place)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _line_of(text: str, place: tuple[int | str, ...]) -> str:
    """Which line a field stands in, as "line 4, "; "" where that cannot be told."""
    if not text or not place:
        return ""
    lines = text.splitlines()
    start, key = 0, str(place[0])
    if place[0] == "photos" and len(place) > 1 and isinstance(place[1], int):
        tables = [number for number, line in enumerate(lines) if re.match(r"\s*\[\[\s*photos\s*\]\]", line)]
        if place[1] >= len(tables):
            return ""
        start = tables[place[1]]
        key = str(place[2]) if len(place) > 2 else ""
        end = tables[place[1] + 1] if place[1] + 1 < len(tables) else len(lines)
        lines = lines[:end]
    found = (number for number in range(start, len(lines)) if re.match(rf"\s*{re.escape(key)}\s*=", lines[number]))
    number = next(found, start if start else None) if key else start
    return "" if number is None else f"line {number + 1}, "

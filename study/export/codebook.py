"""Tables with their codebook: what every column means, once, for all formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Kind = Literal["text", "integer", "number", "yes-no", "time", "day"]
Cell = str | int | float | bool | datetime | date | None
_TYPES: dict[Kind, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "yes-no": (bool,),
    "time": (datetime,),
    "day": (date,),
}


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Lower case, with _ between words.
        about: What it means; a sentence.
        kind: Of its values; a time has a zone. A missing value is None in all of them.
        unit: Such as "ms"; "" where there is none.
        levels: The values that may occur, with what each stands for; empty where any may.
    """

    name: str
    about: str
    kind: Kind = "text"
    unit: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)

    def accepts(self, value: Cell) -> bool:
        """Whether a value may stand in the column."""
        if value is None:
            return True
        is_of_kind = isinstance(value, _TYPES[self.kind]) and (isinstance(value, bool) == (self.kind == "yes-no"))
        return is_of_kind and (not self.levels or str(value) in self.levels)


@dataclass(frozen=True)
class Table:
    """Rows with one meaning.

    Attributes:
        name: Letters and digits only, for the file's name.
        about: What one row is.
        rows: Each with exactly the columns.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Cell], ...]

    def __post_init__(self) -> None:
        names = {column.name for column in self.columns}
        for number, row in enumerate(self.rows, 1):
            if set(row) != names:
                raise ValueError(f"row {number} of {self.name} has other columns than the codebook")
            for column in self.columns:
                if not column.accepts(row[column.name]):
                    raise ValueError(f"row {number} of {self.name}: {column.name} cannot be {row[column.name]!r}")


def all_columns(tables: tuple[Table, ...]) -> tuple[Column, ...]:
    """Every column of some tables once; a name means the same in all of them.

    Raises:
        ValueError: Two tables mean different things by one name.
    """
    found: dict[str, Column] = {}
    for table in tables:
        for column in table.columns:
            if found.setdefault(column.name, column) != column:
                raise ValueError(f"the column {column.name} means two things")
    return tuple(found.values())

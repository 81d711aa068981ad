"""A Psych-DS folder (https://psych-ds.github.io) of tables, with the same rows as JSON lines and as Parquet.

dataset_description.json           JSON-LD; variableMeasured is the codebook
README.md                          what lies where, and how missing values are written
data/study-<id>_description-<table>_data.csv
materials/, analysis/              the frozen study file, what people agreed to, and the analysis plan
formats/<table>.jsonl, .parquet    the same rows; .psychdsignore takes them out of the check
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from study.export.codebook import Cell, Column, Kind, Table, all_columns

_ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "yes-no": pa.bool_(),
    "time": pa.timestamp("ms", tz="UTC"),
    "day": pa.date32(),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with these a spreadsheet takes a text for a formula


@dataclass(frozen=True)
class About:
    """What the folder says of itself.

    Attributes:
        study: Id of the study.
        name, description: Of the data.
        version: Of the study.
        identifier: The frozen hash.
        made_by: The software with its version.
        materials: Further files: path below the folder to its text.
        notes: Paragraphs for the README.
    """

    study: str
    name: str
    description: str
    version: str
    identifier: str
    made_by: str
    materials: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def write(tables: tuple[Table, ...], about: About, folder: Path) -> list[Path]:
    """Write the folder; it may be there already, then files of these names are replaced.

    Returns:
        The paths of all files, in the order of their names.
    """
    columns = all_columns(tables)
    texts = {
        "dataset_description.json": json.dumps(_description(columns, about), indent=2, ensure_ascii=False) + "\n",
        "README.md": _readme(tables, about),
        ".psychdsignore": "formats/\n",
        **about.materials,
    }
    for table in tables:
        texts[f"data/{data_name(about.study, table.name)}"] = _csv(table)
        texts[f"formats/{table.name}.jsonl"] = _json_lines(table)
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="")
    for table in tables:
        pq.write_table(_arrow(table, about), folder / "formats" / f"{table.name}.parquet")
    names = [*texts, *(f"formats/{table.name}.parquet" for table in tables)]
    return [folder / name for name in sorted(names)]


def data_name(study: str, table: str) -> str:
    """The file name of a table, with Psych-DS's official keywords; values have letters and digits only."""
    return f"study-{_plain(study)}_description-{_plain(table)}_data.csv"


def _plain(words: str) -> str:
    first, *rest = re.split(r"[^a-zA-Z0-9]+", words)
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _description(columns: tuple[Column, ...], about: About) -> dict[str, Any]:
    return {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "name": about.name,
        "description": about.description,
        "version": about.version,
        "identifier": f"sha256:{about.identifier}",
        "creativeWorkStatus": "Preregistered: study, analysis plan and software were frozen before the first answer",
        "measurementTechnique": about.made_by,
        "variableMeasured": [_variable(column) for column in columns],
    }


def _variable(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {
        "@type": "PropertyValue",
        "name": column.name,
        "description": column.about,
        "additionalType": column.kind,
    }
    if column.unit:
        found["unitText"] = column.unit
    if column.levels:
        found["valueReference"] = [
            {"@type": "PropertyValue", "value": value} | ({"description": meaning} if meaning else {})
            for value, meaning in column.levels.items()
        ]
    return found


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow(column.name for column in table.columns)
    for row in table.rows:
        writer.writerow(_csv_cell(row[column.name]) for column in table.columns)
    return text.getvalue()


def _csv_cell(value: Cell) -> str:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else _iso(value) if isinstance(value, date) else str(value)


def _iso(value: date) -> str:
    """A day, or a moment in UTC to the millisecond."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat()


def _json_lines(table: Table) -> str:
    def plain(value: Cell) -> object:
        return _iso(value) if isinstance(value, date) else value

    lines = ({column.name: plain(row[column.name]) for column in table.columns} for row in table.rows)
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def _arrow(table: Table, about: About) -> pa.Table:
    fields = [
        pa.field(column.name, _ARROW[column.kind], metadata={"description": column.about, "unit": column.unit})
        for column in table.columns
    ]
    schema = pa.schema(fields, metadata={"study": about.study, "sha256": about.identifier})
    columns = {column.name: [row[column.name] for row in table.rows] for column in table.columns}
    return pa.table(columns, schema=schema)


def _readme(tables: tuple[Table, ...], about: About) -> str:
    parts = [f"# {about.name}", about.description, *about.notes]
    parts.append(
        "Psych-DS: the tables are in `data/`, the meaning of every column is in `dataset_description.json`"
        " (`variableMeasured`) and below. `formats/` has the same rows as JSON lines and as Parquet. A missing value is"
        " an empty cell, `null` in the other formats. Times are UTC. In the CSV files a text that begins with"
        " = + - @ or a tab has an apostrophe before it, so that no spreadsheet takes it for a formula."
    )
    for table in tables:
        parts.append(f"## {table.name}\n\n{table.about} `data/{data_name(about.study, table.name)}`")
        lines = ["| column | kind | meaning |", "|---|---|---|"]
        for column in table.columns:
            unit = f", {column.unit}" if column.unit else ""
            levels = "".join(
                f"<br>`{value}`" + (f": {_line(meaning)}" if meaning else "")
                for value, meaning in column.levels.items()
            )
            lines.append(f"| `{column.name}` | {column.kind}{unit} | {_line(column.about)}{levels} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _line(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")

"""Whether a folder keeps the rules of Psych-DS, so far as they are errors there, without its JavaScript validator.

Rules and codes: https://psychds-docs.readthedocs.io, "Rules and Conventions", and the schema that the validator
psychds-validator 1.4 carries. Not looked at: metadata beside single files (ours stands in the root only) and whether
every property is one of schema.org's, which is a warning there.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NAME = re.compile(r"([a-z]+-[a-zA-Z0-9]+)(_[a-z]+-[a-zA-Z0-9]+)*_data\.csv")
_KEYWORDS = frozenset(["study", "site", "subject", "session", "task", "condition", "trial", "stimulus", "description"])
_ORG = re.compile(r"https?://(www\.)?schema\.org/?")
_NEEDED = ("name", "description", "variableMeasured")


@dataclass(frozen=True)
class Problem:
    """A rule that is broken: Psych-DS's code, the file below the folder, and a sentence."""

    code: str
    file: str
    words: str


def problems(folder: Path) -> tuple[Problem, ...]:
    """All that is wrong; empty where the folder keeps the rules."""
    found, variables = _metadata(folder / "dataset_description.json")
    data = folder / "data"
    if not data.is_dir():
        return (*found, Problem("MISSING_DATA_DIRECTORY", "data", "There is no folder data."))
    files = [path for path in sorted(data.rglob("*.csv")) if "raw" not in path.relative_to(data).parts[:-1]]
    if not files:
        return (*found, Problem("MISSING_DATAFILE", "data", "There is no CSV file in data."))
    used: set[str] = set()
    for path in files:
        name = path.relative_to(folder).as_posix()
        header, wrong = _datafile(path, name)
        found += [*_file_name(path.name, name), *wrong]
        used |= set(header)
        if variables is not None:
            found += [
                Problem("CSV_COLUMN_MISSING_FROM_METADATA", name, f"The column {column} is not in variableMeasured.")
                for column in header
                if column not in variables
            ]
    if variables is not None and (unused := sorted(variables - used)):
        words = f"variableMeasured has {unused[0]}, which is no column of any file."
        found.append(Problem("VARIABLE_MISSING_FROM_CSV_COLUMNS", "dataset_description.json", words))
    return tuple(found)


def _metadata(path: Path) -> tuple[list[Problem], frozenset[str] | None]:
    """What is wrong with the description, and the variables that it names."""

    def wrong(code: str, words: str) -> tuple[list[Problem], None]:
        return [Problem(code, path.name, words)], None

    if not path.is_file():
        return wrong("MISSING_DATASET_DESCRIPTION", "There is no dataset_description.json.")
    data = path.read_bytes()
    if not data.strip():
        return wrong("FILE_EMPTY", "It is empty.")
    try:
        content = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        return wrong("JSON_ENCODING_ERROR", "It is not UTF-8.")
    except ValueError:
        return wrong("INVALID_JSON_FORMATTING", "It is not valid JSON.")
    if not isinstance(content, dict):
        return wrong("INVALID_JSONLD_FORMATTING", "It is no JSON object.")
    context = content.get("@context")
    if context is None:
        return wrong("INVALID_JSONLD_FORMATTING", "@context is missing.")
    found = []
    if not isinstance(context, str) or not _ORG.fullmatch(context):
        found.append(Problem("UNKNOWN_NAMESPACE", path.name, "@context must be https://schema.org."))
    kind = content.get("@type", content.get("type"))
    if kind is None:
        found.append(Problem("MISSING_DATASET_TYPE", path.name, "@type is missing."))
    elif kind not in ("Dataset", "https://schema.org/Dataset"):
        found.append(Problem("INCORRECT_DATASET_TYPE", path.name, "@type must be Dataset."))
    for key in _NEEDED:
        if not content.get(key):
            found.append(Problem("JSON_KEY_REQUIRED", path.name, f"{key} is missing or empty."))
    variables, more = _variables(content.get("variableMeasured"), path.name)
    return found + more, variables


def _variables(given: Any, name: str) -> tuple[frozenset[str], list[Problem]]:
    if given is None:
        return frozenset(), []
    if not isinstance(given, list):
        return frozenset(), [Problem("INVALID_OBJECT_TYPE", name, "variableMeasured must be an array.")]
    found: list[Problem] = []
    names: list[str] = []
    for one in given:
        if isinstance(one, str):
            names.append(one)
        elif isinstance(one, dict) and one.get("@type") == "PropertyValue" and isinstance(one.get("name"), str):
            names.append(one["name"])
        else:
            words = "Each of variableMeasured must be a text, or a PropertyValue with a name."
            found.append(Problem("INVALID_OBJECT_TYPE", name, words))
    return frozenset(names), found


def _file_name(file_name: str, name: str) -> list[Problem]:
    if not _NAME.fullmatch(file_name):
        words = "The name must be keyword-value pairs joined by _, and end with _data.csv."
        return [Problem("FILENAME_KEYWORD_FORMATTING_ERROR", name, words)]
    keywords = [pair.split("-")[0] for pair in file_name.removesuffix("_data.csv").split("_")]
    if unknown := [one for one in keywords if one not in _KEYWORDS]:
        words = f"{unknown[0]} is none of the official keywords: {', '.join(sorted(_KEYWORDS))}."
        return [Problem("FILENAME_UNOFFICIAL_KEYWORD_WARNING", name, words)]
    return []


def _datafile(path: Path, name: str) -> tuple[list[str], list[Problem]]:
    """The header of a file, and what is wrong with its lines."""
    if path.stat().st_size == 0:
        return [], [Problem("FILE_EMPTY", name, "It is empty.")]
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            header, *rows = csv.reader(lines, strict=True)
    except (csv.Error, UnicodeDecodeError, ValueError) as error:
        return [], [Problem("CSV_FORMATTING_ERROR", name, f"It cannot be read as CSV: {error}.")]
    found = []
    if not header or any(not column.strip() for column in header):
        found.append(Problem("CSV_HEADER_MISSING", name, "A column has no name."))
    if len(set(header)) < len(header):
        found.append(Problem("CSV_HEADER_REPEATED", name, "A column's name stands there twice."))
    if odd := [number for number, row in enumerate(rows, 2) if len(row) != len(header)]:
        words = f"Row {odd[0]} has another number of cells than the header."
        found.append(Problem("CSV_HEADER_LENGTH_MISMATCH", name, words))
    elif "row_id" in header:
        ids = [row[header.index("row_id")] for row in rows]
        if len(set(ids)) < len(ids):
            found.append(Problem("ROWID_VALUES_NOT_UNIQUE", name, "A value of row_id stands there twice."))
    return header, found

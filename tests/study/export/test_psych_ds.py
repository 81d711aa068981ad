"""The check of Psych-DS's rules: each broken rule is told by its code; what we write breaks none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from study.export.check import problems

GOOD = {
    "@context": "https://schema.org",
    "@type": "Dataset",
    "name": "An example",
    "description": "Of nothing.",
    "variableMeasured": ["row_id", {"@type": "PropertyValue", "name": "answer"}],
}
NAME = "study-one_description-trials_data.csv"


def folder(path: Path, **changes: object) -> Path:
    path.mkdir(exist_ok=True)
    (path / "data").mkdir()
    content = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    (path / "dataset_description.json").write_text(json.dumps(content))
    (path / "data" / NAME).write_text("row_id,answer\r\n1,yes\r\n2,no\r\n")
    return path


def test_a_folder_that_keeps_the_rules(tmp_path: Path) -> None:
    good = folder(tmp_path / "good")
    (good / "data" / "raw").mkdir()
    (good / "data" / "raw" / "anything.csv").write_text("of,any,kind\n1")
    (good / "README.md").write_text("Hello.")
    assert problems(good) == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"@context": None}, "INVALID_JSONLD_FORMATTING"),
        ({"@context": "https://example.org"}, "UNKNOWN_NAMESPACE"),
        ({"@type": None}, "MISSING_DATASET_TYPE"),
        ({"@type": "Person"}, "INCORRECT_DATASET_TYPE"),
        ({"name": None}, "JSON_KEY_REQUIRED"),
        ({"description": ""}, "JSON_KEY_REQUIRED"),
        ({"variableMeasured": None}, "JSON_KEY_REQUIRED"),
        ({"variableMeasured": "row_id"}, "INVALID_OBJECT_TYPE"),
        ({"variableMeasured": ["row_id", "answer", {"name": "of no type"}]}, "INVALID_OBJECT_TYPE"),
        ({"variableMeasured": ["row_id"]}, "CSV_COLUMN_MISSING_FROM_METADATA"),
        ({"variableMeasured": ["row_id", "answer", "mood"]}, "VARIABLE_MISSING_FROM_CSV_COLUMNS"),
    ],
)
def test_rules_of_the_description(tmp_path: Path, changes: dict[str, object], code: str) -> None:
    assert code in [one.code for one in problems(folder(tmp_path / "wrong", **changes))]


def _name(name: str) -> Callable[[Path], object]:
    return lambda path: (path / "data" / NAME).rename(path / "data" / name)


def _csv(data: bytes) -> Callable[[Path], object]:
    return lambda path: (path / "data" / NAME).write_bytes(data)


def _description(data: bytes) -> Callable[[Path], object]:
    return lambda path: (path / "dataset_description.json").write_bytes(data)


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda path: (path / "dataset_description.json").unlink(), "MISSING_DATASET_DESCRIPTION"),
        (_description(b""), "FILE_EMPTY"),
        (_description(b"{"), "INVALID_JSON_FORMATTING"),
        (_description(b"[]"), "INVALID_JSONLD_FORMATTING"),
        (_description('{"name": "ü"}'.encode("latin-1")), "JSON_ENCODING_ERROR"),
        (lambda path: shutil.rmtree(path / "data"), "MISSING_DATA_DIRECTORY"),
        (lambda path: (path / "data" / NAME).unlink(), "MISSING_DATAFILE"),
        (_name("trials.csv"), "FILENAME_KEYWORD_FORMATTING_ERROR"),
        (_name("study-one.two_data.csv"), "FILENAME_KEYWORD_FORMATTING_ERROR"),
        (_name("Study-one_data.csv"), "FILENAME_KEYWORD_FORMATTING_ERROR"),
        (_name("study-one_table-trials_data.csv"), "FILENAME_UNOFFICIAL_KEYWORD_WARNING"),
        (_csv(b""), "FILE_EMPTY"),
        (_csv(b'row_id,answer\r\n1,"yes'), "CSV_FORMATTING_ERROR"),
        (_csv(b"row_id,answer\r\n1,\xff"), "CSV_FORMATTING_ERROR"),
        (_csv(b"row_id,\r\n1,yes"), "CSV_HEADER_MISSING"),
        (_csv(b"row_id,row_id\r\n1,2"), "CSV_HEADER_REPEATED"),
        (_csv(b"row_id,answer\r\n1,yes,no"), "CSV_HEADER_LENGTH_MISMATCH"),
        (_csv(b"row_id,answer\r\n1,yes\r\n1,no"), "ROWID_VALUES_NOT_UNIQUE"),
    ],
)
def test_rules_of_the_files(tmp_path: Path, break_it: Callable[[Path], object], code: str) -> None:
    wrong = folder(tmp_path / "wrong")
    break_it(wrong)
    found = problems(wrong)
    assert code in [one.code for one in found]
    assert all(one.words.endswith(".") for one in found)

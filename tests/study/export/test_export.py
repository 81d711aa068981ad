"""A dataset as a Psych-DS folder: one codebook for CSV, JSON lines and Parquet, the hash in every row."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from study.dataset import Dataset, Happening, Reply
from study.export.check import problems
from study.export.codebook import Column, Table, all_columns
from study.export.dataset import export
from study.export.tables import tables_of
from study.simulation.people import World
from tests.support.planted import SHA, START, plan, planted, withdrawn

TABLES = ("participants", "trials", "portraits", "consents", "events", "departures")
FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def data() -> Dataset:
    found = planted(12, World.evenly(plan(), 0.5, inattentive=0.3), stop={3: "pairs-002"})
    why = next(one for one in found.replies if one.question == "why")
    said = dataclasses.replace(why, value=FORMULA)
    event = Happening(found.people[0].id, START, "hidden", 12.5, "ratings-001")
    replies: tuple[Reply, ...] = tuple(said if one is why else one for one in found.replies)
    return withdrawn(dataclasses.replace(found, replies=replies, events=(event,)), f"{5:020x}")


@pytest.fixture(scope="module")
def folder(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export")
    export(data, path)
    return path


def read(folder: Path, table: str) -> list[dict[str, str]]:
    (path,) = (folder / "data").glob(f"*description-{table}_data.csv")
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_it_keeps_the_rules(folder: Path) -> None:
    assert problems(folder) == ()
    assert (folder / "materials" / "likeness.toml").read_text("utf-8").startswith("# A study")
    assert (folder / "analysis" / "likeness-analysis.md").is_file()


def test_the_codebook_has_no_empty_meaning(folder: Path) -> None:
    assert not re.search(r"`: *(<br>|\|)", (folder / "README.md").read_text("utf-8"))
    variables = json.loads((folder / "dataset_description.json").read_text("utf-8"))["variableMeasured"]
    meanings = [level for one in variables for level in one.get("valueReference", ())]
    assert meanings
    assert all(level.get("description", "none is said") for level in meanings)


@pytest.mark.parametrize("table", TABLES)
def test_all_formats_say_the_same_with_the_hash_in_every_row(folder: Path, data: Dataset, table: str) -> None:
    rows = read(folder, table)
    lines = [json.loads(line) for line in (folder / "formats" / f"{table}.jsonl").read_text("utf-8").splitlines()]
    parquet = pq.read_table(folder / "formats" / f"{table}.parquet")
    (ours,) = (one for one in tables_of(data) if one.name == table)
    assert len(rows) == len(lines) == parquet.num_rows == len(ours.rows) > 0
    assert {row["study_sha256"] for row in rows} == {line["study_sha256"] for line in lines} == {SHA}
    assert list(lines[0]) == parquet.column_names == list(rows[0]) == [column.name for column in ours.columns]
    for row, line, expected in zip(rows, lines, parquet.to_pylist(), strict=True):
        for column in ours.columns:
            cell, plain, value = row[column.name], line[column.name], expected[column.name]
            assert (cell == "") == (plain is None) == (value is None) or plain == ""
            if column.kind in ("number", "integer") and value is not None:
                assert float(cell) == plain == value


def test_every_column_is_in_the_codebook_once_and_explained(folder: Path, data: Dataset) -> None:
    description = json.loads((folder / "dataset_description.json").read_text("utf-8"))
    names = [one["name"] for one in description["variableMeasured"]]
    assert names == [column.name for column in all_columns(tables_of(data))]
    assert len(set(names)) == len(names)
    assert all(len(one["description"]) > 5 for one in description["variableMeasured"])
    assert (
        "This is me."
        in next(one for one in description["variableMeasured"] if one["name"] == "question")["description"]
    )
    assert description["identifier"] == f"sha256:{SHA}"


def test_who_withdrew_is_counted_and_nowhere_else(folder: Path) -> None:
    gone = f"{5:020x}"
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert gone.encode() not in everything
    assert [(row["how"], row["people"]) for row in read(folder, "departures")] == [("withdrawn", "1")]


def test_with_and_without_who_is_excluded(folder: Path, data: Dataset, tmp_path: Path) -> None:
    export(data, tmp_path, exclude=True)
    everybody, main = read(folder, "participants"), read(tmp_path, "participants")
    assert {row["participant"] for row in main} == {row["participant"] for row in everybody if row["counts"] == "true"}
    assert {row["participant"] for row in read(tmp_path, "trials")} == {row["participant"] for row in main}
    assert any("incomplete" in row["exclusions"] for row in everybody)
    assert problems(tmp_path) == ()


def test_a_spreadsheet_takes_no_text_for_a_formula(folder: Path) -> None:
    (row,) = (row for row in read(folder, "trials") if "calc" in row["value"])
    assert row["value"] == f"'{FORMULA}"
    lines = (folder / "formats" / "trials.jsonl").read_text("utf-8").splitlines()
    assert any(json.loads(line)["value"] == FORMULA for line in lines)


def test_a_value_that_the_codebook_does_not_know_is_refused() -> None:
    side = Column("side", "Which side.", levels={"left": "left", "right": "right"})
    with pytest.raises(ValueError, match="cannot be 'up'"):
        Table("pairs", "A pair.", (side,), ({"side": "up"},))
    with pytest.raises(ValueError, match="other columns"):
        Table("pairs", "A pair.", (side,), ({"other": "left"},))
    other = Table("b", "B.", (Column("side", "Something else."),), ())
    with pytest.raises(ValueError, match="two things"):
        all_columns((Table("a", "A.", (side,), ()), other))
    assert not Column("n", "N.", "integer").accepts(True)

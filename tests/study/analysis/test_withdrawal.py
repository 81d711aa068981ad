"""A withdrawal, by way of the store: all tables and figures are those without that person."""

from __future__ import annotations

import dataclasses

import numpy as np

from study.analysis.results import Outcomes, analyse
from study.dataset import Dataset
from study.export.tables import tables_of
from study.plan.freezing import FrozenStudy
from study.store.reading import load_dataset
from study.store.store import StudyStore
from tests.support.studies import take_part


def test_after_a_withdrawal_midway_all_tables_are_those_without_that_person(
    store: StudyStore, frozen: FrozenStudy
) -> None:
    stayed = [take_part(store, frozen, f"code {n}", tab=f"t{n}", attentive=n > 0).id for n in range(4)]
    gone = take_part(store, frozen, "leaves", tab="t9", most=6).id
    with_them = load_dataset(store.database, frozen.sha256)
    assert len(with_them.ratings) == 4 * 3 + 3
    assert store.erase(gone, "withdrawn")
    after, without = load_dataset(store.database, frozen.sha256), with_them.of(set(stayed))

    left, wanted = _rows(after), _rows(without)
    assert left.pop("departures") == [{"how": "withdrawn", "task_reached": "pairs", "people": 1}]
    assert wanted.pop("departures") == []
    assert left == wanted
    assert left != {name: rows for name, rows in _rows(with_them).items() if name != "departures"}

    found, expected = analyse(after, draws=200), analyse(without, draws=200)
    for name in ("main", "everybody"):
        np.testing.assert_equal(_plain(getattr(found, name)), _plain(getattr(expected, name)))
    assert (found.by_first, found.period, found.times) == (expected.by_first, expected.period, expected.times)
    assert (found.flow.came, found.flow.consented, found.flow.departures) == (5, 5, {"withdrawn": 1})
    assert gone not in repr(found)


def _rows(data: Dataset) -> dict[str, list[dict[str, object]]]:
    """All tables of the export, without the rows' own numbers and the day of a departure."""
    hidden = ("row_id", "on_day", "study_sha256", "kind")
    return {
        table.name: [{name: cell for name, cell in row.items() if name not in hidden} for row in table.rows]
        for table in tables_of(data)
    }


def _plain(found: Outcomes) -> object:
    return dataclasses.asdict(found)

"""What the page of a study's progress shows, as tables of words."""

from __future__ import annotations

from collections import Counter

from study.analysis.flow import RULES, attention_of, drop_out_of, flow_of, progress_by_condition, times_of
from study.dataset import Dataset
from study.plan.schedule import rows_of
from study.report.content import DEPARTED, EXCLUDED
from study.report.numbers import percent, spread

Rows = tuple[tuple[str, ...], ...]


def tiles(data: Dataset) -> tuple[tuple[str, str], ...]:
    """The counts that stand on top."""
    flow = flow_of(data)
    shown = {
        "came": flow.came,
        "consented": flow.consented,
        "underway": flow.underway,
        "complete": flow.complete,
        "screened out": flow.screened_out,
        "withdrew": flow.departures.get("withdrawn", 0),
        "in the main analysis": flow.counted,
    }
    return tuple((words, str(count)) for words, count in shown.items())


def progress_tables(data: Dataset) -> tuple[tuple[str, tuple[str, ...], Rows], ...]:
    """Caption, head and rows of each."""
    flow, attention = flow_of(data), attention_of(data)
    by_condition = tuple((name, str(made), str(judged)) for name, (made, judged) in progress_by_condition(data).items())
    stops = tuple((one.task, str(one.began), str(one.stopped), str(one.underway)) for one in drop_out_of(data))
    out = tuple((EXCLUDED[rule], str(flow.excluded[rule])) for rule in RULES)
    gone = tuple((words, str(flow.departures.get(how, 0))) for how, words in DEPARTED.items())
    times = tuple(
        (one.task, str(one.seconds.n), spread(one.seconds), f"{one.low:.1f} to {one.high:.1f}", str(one.outliers))
        for one in times_of(data)
    )
    checks = (
        ("answers", str(attention.answered)),
        ("right", percent(attention.right)),
        ("people flagged", str(attention.flagged)),
    )
    found: list[tuple[str, tuple[str, ...], Rows]] = [
        ("By condition", ("condition", "portraits made", "people who judged it"), by_condition),
        ("Where people stop", ("task", "began", "stopped there", "at it now"), stops),
        ("Left out of the main analysis, by rule", ("rule", "people"), out),
        ("Attention checks", ("what", "figure"), checks),
        ("Nothing is left of", ("why", "people"), gone),
    ]
    if times:
        head = ("task", "answers", "seconds: median (quartiles)", "usual range, seconds", "outside it")
        found.insert(4, ("Response times", head, times))
    rows = Counter(one.row for one in data.people if one.status == "complete" and one.row is not None)
    if rows:
        balance = tuple((str(row + 1), str(rows[row])) for row in range(rows_of(data.plan)))
        found.append(("Rows of the Williams design", ("row", "completed"), balance))
    return tuple(found)

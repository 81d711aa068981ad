"""Report and ethics report: methods from the frozen study, counts, both analyses, figures with words."""

from __future__ import annotations

import dataclasses
import re
from datetime import date
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from study.analysis.results import Results, analyse
from study.dataset import Departure
from study.report.content import drawings
from study.report.figures import PAGE_THEMES, svg, times
from study.report.numbers import chance, number
from study.report.writing import write_report
from study.simulation.people import World
from tests.support.planted import SHA, plan, planted, withdrawn


@pytest.fixture(scope="module")
def results() -> Results:
    data = planted(16, World.evenly(plan(), 0.5, inattentive=0.25), stop={2: "pairs-003"})
    data = withdrawn(data, f"{5:020x}")
    said_no = Departure("no_consent", "consent", date(2026, 11, 2), 3)
    return analyse(dataclasses.replace(data, departures=(*data.departures, said_no)))


@pytest.fixture(scope="module")
def folder(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report")
    write_report(results, path)
    return path


def test_methods_come_from_the_frozen_study(folder: Path) -> None:
    text = (folder / "report.md").read_text("utf-8")
    assert text.startswith("# Portraits of you\n\nSIMULATED DATA.")
    assert f"The frozen hash is {SHA}" in text
    assert "one of the 4 orders of a Williams design for 4 conditions" in text
    assert "gave more than 50% of their ratings and choices in under 300 ms" in text
    assert "a ridge of 0.01" in text
    assert "pairs.more-me, ratings.me" in text
    assert "> ```toml" in text, "the analysis plan stands there as it was frozen"


def test_everybody_is_counted(folder: Path, results: Results) -> None:
    text = (folder / "report.md").read_text("utf-8")
    for line in ("| opened the link | 19 |", "| consented | 16 |", "| withdrew | 1 |", "| said no | 3 |"):
        assert line in text
    assert f"| in the main analysis | {results.main.people} |" in text
    assert results.main.people < results.everybody.people == 15
    assert f"{results.everybody.people} participants." in text


def test_both_analyses_give_effect_sizes_before_p(folder: Path) -> None:
    text = (folder / "report.md").read_text("utf-8")
    main, everybody = text.split("## Results with everybody")
    for part in (main, everybody):
        head = "| contrast | odds ratio [95 % interval] | logits (standard error) | p | p after Holm |"
        assert part.count(head) == 6
        assert part.count("Krippendorff's alpha (ordinal) is") == 4
    assert re.search(r"\| oil – comic \| \d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\] \|", text)


def test_the_summary_has_the_primary_outcomes_first(folder: Path, results: Results) -> None:
    text = (folder / "report.md").read_text("utf-8")
    first = text.split("## Methods")[0]
    assert f"{results.main.people} of them are in the main analysis" in first
    assert "gathered on 1 November 2026" in first
    assert "**Which one is more like you? (primary outcome pairs.more-me)**" in first
    assert "**This is me. (primary outcome ratings.me)**" in first
    assert first.count("| oil – comic |") == 2
    assert "pairs.prefer" not in first
    assert "Primary outcome ratings.me: " in text
    assert "Secondary outcome ratings.share: " in text


def test_drop_out_by_condition_and_missing_answers_are_told(folder: Path, results: Results) -> None:
    text = (folder / "report.md").read_text("utf-8")
    assert sum(one.people for one in results.by_first) == results.everybody.people == 15
    assert [one.condition for one in results.by_first if one.stopped] == [results.by_first[2].condition]
    assert "| 4 | 3 | 1 (25 %) | 0 |" in text
    missing = {one.question: one for one in results.everybody.missing}
    assert (missing["me"].expected, missing["me"].missing) == (60, 0)
    assert (missing["more-me"].expected, missing["prefer"].expected) == (90, 90)
    assert missing["more-me"].missing + missing["prefer"].missing == 180 - len(results.data.choices) > 0
    assert missing["friends"].missing == 1
    assert f"| pairs | more-me | 0 of {6 * results.main.people} | {missing['more-me'].missing} of 90 |" in text
    assert text.index("Drop-out by the condition") < text.index("## Results")


def test_every_figure_is_there_and_says_in_words_what_it_shows(folder: Path) -> None:
    text = (folder / "report.md").read_text("utf-8")
    shown = re.findall(r"!\[([^\]]+)\]\(figures/([^)]+)\)", text)
    assert len(shown) == 1 + 2 + 8 + 3
    for alt, name in shown:
        assert len(alt) > 40
        with Image.open(folder / "figures" / name) as picture:
            assert picture.width >= 1200
    assert any("oil 0" in alt or "oil 1" in alt for alt, _ in shown)


def test_the_pdf_says_the_same(folder: Path) -> None:
    with pypdfium2.PdfDocument(folder / "report.pdf") as pdf:
        text = "".join(page.get_textpage().get_text_range() for page in pdf)
        assert SHA in text.replace("\n", "").replace("\r", "")
        assert "Krippendorff" in text
        assert text.count("comprehension") >= 3, "no word is broken in a table"
        assert "SIMULATED" in text
        assert next(one.get_title() for one in pdf.get_toc()) == "Portraits of you"


def test_the_ethics_report_counts_consents_by_version_and_purpose(folder: Path) -> None:
    text = (folder / "ethics.md").read_text("utf-8")
    assert "| 2026-11-26 | en |" in text
    assert re.search(r"\| I am 18 or older.*\| 15 \| 0 \|", text)
    assert re.search(r"\| My portraits may be kept.*\| 9 \| 6 \|", text)
    assert "| withdrew | debrief | 1 |" in text
    assert "| said no | consent | 3 |" in text
    assert "31 December 2027" in text
    assert "The photo itself is never stored. For the attention checks a copy" in text


@pytest.mark.slow
def test_figures_for_pages_are_vectors_without_scripts(results: Results) -> None:
    for theme in PAGE_THEMES:
        found = svg(drawings(results, theme)[1])
        width = re.search(rb'<svg[^>]* width="([\d.]+)pt"', found)
        assert width is not None
        assert (float(width[1]) < 300) == theme.endswith("narrow"), "a phone's figure needs no scrolling"
        assert b"<script" not in found
        assert b"<dc:date>" not in found


@pytest.mark.parametrize("seconds", [[0.29, 0.3, 0.41], [0.1, 1.0, 30.0], [4.0, 6.0, 9.5]])
def test_an_axis_of_times_has_numbers_and_counts_whole_answers(seconds: list[float]) -> None:
    axes = times([1000 * one for one in seconds], 0.2, 40.0, "pairs", "light").figure.axes[0]
    assert len([one for one in axes.get_xticks() if axes.get_xlim()[0] < one < axes.get_xlim()[1]]) >= 2
    assert all(float(one).is_integer() for one in axes.get_yticks())


def test_a_study_that_nobody_has_begun_has_a_report(tmp_path: Path, results: Results) -> None:
    write_report(analyse(results.data.of(set())), tmp_path)
    assert "Nobody is in this analysis yet." in (tmp_path / "report.md").read_text("utf-8")


def test_numbers_are_written_as_readers_know_them() -> None:
    assert number(-1.005, 2) in ("−1.00", "−1.01")
    assert number(float("nan")) == number(None) == "not defined"
    assert (chance(0.0004), chance(0.0421), chance(None)) == ("< .001", ".042", "–")

"""What a report says first, and how complete its sample is."""

from __future__ import annotations

from study.analysis.completeness import Missing
from study.analysis.results import Results
from study.report.blocks import Block, Grid, Heading, Paragraph
from study.report.methods import question_words
from study.report.numbers import chance, day, number, percent, spread, with_interval


def summary(results: Results) -> tuple[Block, ...]:
    """Whom it rests on, and the primary outcomes."""
    blocks: list[Block] = [Heading("Summary"), Paragraph(_sample(results))]
    head = ("contrast", with_interval("odds ratio", results.settings.level), "p after Holm")
    told = []
    for outcome in results.settings.primary:
        rows = tuple(
            (
                f"{one.first} – {one.second}",
                f"{number(one.odds)} [{number(one.odds_low)}, {number(one.odds_high)}]",
                chance(one.corrected),
            )
            for one in results.main.contrasts
            if one.outcome == outcome
        )
        if rows:
            told.append(Grid(f"{question_words(results.data, outcome)} (primary outcome {outcome})", head, rows))
    if told:
        words = "Main analysis. An odds ratio above 1 says that the first condition of a contrast is ahead."
        return (*blocks, Paragraph(words), *told)
    return (*blocks, Paragraph("No contrast of a primary outcome can be told yet."))


def _sample(results: Results) -> str:
    data, period, places = results.data, results.period, results.data.plan.places
    consented, counted = results.everybody.people, results.main.people
    parts = [f"{consented} participants consented and are in the data; {counted} of them are in the main analysis."]
    if places and data.kind == "participant":
        parts.append(f"{results.flow.complete} of {places} wanted participants have reached the end.")
    if period.begun is not None and period.ended is not None:
        begun, ended = day(period.begun), day(period.ended)
        parts.append(f"The data were gathered {f'on {begun}' if begun == ended else f'from {begun} to {ended}'}.")
    if period.minutes.n:
        parts.append(f"From the consent to the end took {spread(period.minutes)} minutes, median (quartiles).")
    return " ".join(parts)


def completeness(results: Results) -> tuple[Block, ...]:
    """Drop-out by condition, and missing answers."""
    blocks: list[Block] = [Heading("Drop-out and missing answers", 3)]
    if results.by_first:
        rows = tuple(
            (
                one.condition or "none yet",
                str(one.people),
                str(one.complete),
                f"{one.stopped} ({percent(one.stopped / one.people)})" if one.people else "0",
                str(one.underway),
            )
            for one in results.by_first
        )
        ends = ("rated first", "people", "reached the end", "stopped", "underway")
        blocks.append(Grid("Drop-out by the condition that was rated first", ends, rows))
        blocks.append(
            Paragraph(
                "Everybody was to see every condition, so a condition can lose people only by its place. Who was"
                " screened out had seen none; of those who withdrew it is not known any more what they saw."
            )
        )
    main, everybody = results.main.missing, results.everybody.missing
    rows_of_missing = tuple(
        (one.task, one.question, _of(one), _of(other)) for one, other in zip(main, everybody, strict=True)
    )
    head = ("task", "question", "main analysis", "everybody")
    blocks.append(
        Grid("Answers that are missing: not reached, or left empty where that was allowed", head, rows_of_missing)
    )
    blocks.append(Paragraph("No answer was filled in: each figure and model uses the answers that are there."))
    return tuple(blocks)


def _of(one: Missing) -> str:
    return f"{one.missing} of {one.expected}" if one.expected else "–"

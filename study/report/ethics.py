"""The ethics report: consents by version and purpose, withdrawals, what is kept and until when."""

from __future__ import annotations

from collections import Counter

from study.analysis.flow import flow_of
from study.dataset import Dataset
from study.plan.definition import said
from study.report.blocks import Block, Document, Grid, Heading, Paragraph
from study.report.content import DEPARTED
from study.report.numbers import day, moment

_CHECKS = (
    " For the attention checks a copy of its part around the face, of 512 pixels, and a blurred one are kept until the"
    " participant has finished, leaves, or stays away for longer than the study lets them."
)
_ALLOWS = {
    "answers": "taking part; needed",
    "portraits": "keeping portraits until the last day",
    "other": "noted; up to the researcher",
}


def ethics_report(data: Dataset) -> Document:
    """What an ethics board asks."""
    plan, language, flow = data.plan, data.plan.languages[0], flow_of(data)
    title = f"Ethics report: {said(plan.title, language)}"
    versions = Counter((one.version, one.language, one.text_sha256) for one in data.consents)
    purposes = tuple(
        (
            said(one.label, language),
            _ALLOWS[one.allows],
            str(sum(given.purposes.get(one.id, False) for given in data.consents)),
            str(sum(not given.purposes.get(one.id, False) for given in data.consents)),
        )
        for one in plan.consent.purposes
    )
    there = sum(one.erased_at is None for one in data.portraits)
    blocks: list[Block] = [
        Heading(title, 1),
        Paragraph(
            f"Study {plan.id}, version {plan.version}, frozen hash {data.sha256}. As of"
            f" {moment(data.read_at)}."
            + ("" if data.kind == "participant" else f" These are {data.kind} data, not of participants.")
        ),
        Heading("Consent"),
        Paragraph(
            f"{flow.came} people opened the link, {flow.consented} consented. The consents of {len(data.consents)} are"
            " on record; those of people who withdrew were deleted with everything else of them."
        ),
        Grid(
            "Consents by version of the text",
            ("version", "language", "SHA-256 of the words", "people"),
            tuple((version, lang, sha, str(count)) for (version, lang, sha), count in sorted(versions.items())),
        ),
        Grid("Consents by purpose", ("purpose", "allows", "ticked", "not ticked"), purposes),
        Heading("Withdrawal and deletion"),
        Paragraph(
            "Everybody can withdraw at any time, later too by a code, without a reason. Then answers, portraits and"
            " consent are erased from the store and from every export made afterwards; only the number below is left."
        ),
        _gone(data),
        Heading("What is kept, and until when"),
        Paragraph(
            f"Answers are kept under a keyed hash of the participant's code until {day(plan.retention)}, then"
            f" deleted by the software. Of {len(data.portraits)} portraits {there} are kept now; the others were"
            " deleted as their participants finished, for they did not allow it. The photo itself is never stored."
            f"{_CHECKS if plan.attention is not None else ''} Copies of exports and of this report are the researcher's"
            " to delete."
        ),
        *_read(data, language),
        Heading("The information"),
        Paragraph(said(plan.information, language).strip(), is_quoted=True),
        Paragraph(f"Contact: {said(plan.contact, language)}"),
    ]
    return Document(title, f"User study {plan.id}, frozen hash {data.sha256}", tuple(blocks))


def _read(data: Dataset, language: str) -> list[Block]:
    """The consent as people read it, whole; what the study file says of it where nobody has agreed yet."""
    blocks: list[Block] = [Heading("The consent text as participants read it")]
    versions = {one.text_sha256: (one.version, one.language) for one in data.consents}
    for sha256, (version, lang) in sorted(versions.items(), key=lambda one: one[1]):
        if sha256 in data.consent_texts:
            blocks += [
                Heading(f"Version {version}, {lang}", 3),
                Paragraph(f"SHA-256 of these words in UTF-8: {sha256}"),
                Paragraph(data.consent_texts[sha256], is_quoted=True),
            ]
    if len(blocks) == 1:
        blocks += [
            Paragraph(said(data.plan.consent.text, language).strip(), is_quoted=True),
            Paragraph("The software adds what it does with the photo in its own words."),
        ]
    return blocks


def _gone(data: Dataset) -> Grid:
    gone = Counter[tuple[str, str]]()
    for one in data.departures:
        gone[one.how, one.task] += one.count
    rows = tuple((DEPARTED.get(how, how), task, str(count)) for (how, task), count in sorted(gone.items()))
    return Grid("People of whom nothing is left", ("how", "where they stood", "people"), rows or (("nobody", "", "0"),))

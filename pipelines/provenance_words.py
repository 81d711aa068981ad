"""A provenance report in words that a visitor understands. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from pipelines.manifests import SOFTWARE
from pipelines.schema import ProvenanceReport

Tone = Literal["good", "warn", "plain"]

# https://cv.iptc.org/newscodes/digitalsourcetype/
_SOURCES = {
    "compositeWithTrainedAlgorithmicMedia": "A picture made by AI from a photo",
    "trainedAlgorithmicMedia": "A picture made by AI",
    "algorithmicallyEnhanced": "A photo changed by filters, without generative AI",
    "algorithmicMedia": "A picture drawn by a program, without AI training",
    "compositeSynthetic": "A composite with parts that are not photographed",
    "composite": "A composite of several pictures",
    "compositeCapture": "A composite of several photos",
    "digitalCapture": "A photo from a digital camera",
    "computationalCapture": "A photo computed from several shots of one camera",
    "digitalCreation": "Drawn by a person with software",
    "digitalArt": "Drawn by a person with software",
    "dataDrivenMedia": "Drawn from data",
    "humanEdits": "A picture edited by a person",
    "minorHumanEdits": "A photo with small corrections",
    "virtualRecording": "A recording of a virtual event",
    "screenCapture": "A screenshot",
    "negativeFilm": "A scan of a negative",
    "positiveFilm": "A scan of a slide",
    "print": "A scan of a print",
}
_NO_MARKS = (
    "That says nothing about how it was made: most programs write no marks, words in a file are lost in most "
    "messengers, and this software's watermark in the pixels is lost in a picture that was turned or painted over."
)
_NO_PROOF = "It helps to find such pictures and proves nothing: the pattern is public, and anybody could have added it."
_MADE = {"ai": "with a generative model", "filter": "with filters, without generative AI"}
_NOT_PROVEN = "What follows is what the file says; anybody could have written it."


class Card(NamedTuple):
    """What to show of one picture."""

    tone: Tone
    title: str
    sentence: str
    rows: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def card(
    report: ProvenanceReport, styles: Mapping[str, str] | None = None, scenes: Mapping[str, str] | None = None
) -> Card:
    """Put a report into words.

    Args:
        report: From `provenance.check`.
        styles: Names of styles by id; ids are shown where it lacks them.
        scenes: The same for scenes.
    """
    tone, title, sentence = _verdict(report)
    facts = report.facts
    made_with = facts.get("Engine", "")
    if facts.get("Model") and facts["Model"] not in made_with.lower():
        made_with = f"{made_with} ({facts['Model']})" if made_with else facts["Model"]
    scene = facts.get("Scene", "")
    named = {
        "What it is": _source(report.digital_source_type),
        "Made by": report.software,
        "Engine": made_with,
        "Style": (styles or {}).get(facts.get("Style", ""), facts.get("Style", "")),
        "Scene": "" if scene == "none" else (scenes or {}).get(scene, scene),
        "Seed": facts.get("Seed", ""),
        "Likeness": f"{facts['Likeness']} of 1" if facts.get("Likeness") else "",
        "Made on": _date(report.date),
        "What was done": "" if made_with else "; ".join(report.history),
        "Signed by": _signer(report),
        "Content credentials (C2PA)": _c2pa(report),
        "Description in the file (XMP)": _xmp(report),
        "Watermark in the pixels": _watermark(report),
        "File": f"{report.format}, {report.width} × {report.height} pixels",
    }
    notes = (*report.problems, *_contradictions(report))
    return Card(tone, title, sentence, tuple((k, v) for k, v in named.items() if v), notes)


def as_text(shown: Card) -> str:
    """For the shell."""
    width = max(len(name) for name, _ in shown.rows)
    rows = [f"  {name:<{width}}  {value}" for name, value in shown.rows]
    return "\n".join([shown.title, shown.sentence, *rows, *shown.notes])


def _verdict(report: ProvenanceReport) -> tuple[Tone, str, str]:
    if report.state == "intact":
        sentence = "The signature is this studio's own, and neither picture nor description were changed since."
        return "good", "Made by this studio, unchanged", sentence
    if report.state == "changed" and report.is_ours:
        sentence = (
            "Either the picture was changed after this studio signed it, or the signature was moved here from another "
            "picture. What follows describes the signed one."
        )
        return "warn", "Not as this studio signed it", sentence
    if report.state == "changed":
        sentence = f"Picture or description are not as they were signed. {_NOT_PROVEN}"
        return "warn", "Changed after it was signed", sentence
    if report.state == "untrusted-signer":
        who = f"“{report.signer}”" if report.signer else "a certificate without a name"
        sentence = f"Unchanged since it was signed. This studio cannot say who really stands behind {who}."
        if report.software.startswith(SOFTWARE):
            return "plain", f"Signed by somebody who names {SOFTWARE}", sentence
        return "plain", "Signed by somebody else", sentence
    if report.state == "unreadable":
        return (
            "warn",
            "Its credentials cannot be verified",
            f"There is a signature, but it cannot be read. {_NOT_PROVEN}",
        )
    if report.software.startswith(SOFTWARE) or report.facts:
        sentence = f"It names {SOFTWARE}, but carries no signature; saving a picture again loses it. {_NOT_PROVEN}"
        if report.watermark in _MADE:
            sentence = f"{sentence} The watermark in the pixels is this software's too."
        return "warn", "Says where it is from, without proof", sentence
    if report.watermark in _MADE:
        lost = "no credentials" if "XMP" in report.marks else "no credentials and no description"
        sentence = (
            f"The file has {lost}, but this software's invisible watermark is in the pixels. It says: made "
            f"{_MADE[report.watermark]}, by this studio or by another one that runs the same software. {_NO_PROOF}"
        )
        return "warn", "Carries this software's watermark", sentence
    if report.marks:
        return "plain", "Says how it was made, without proof", f"There is no signature. {_NOT_PROVEN}"
    return "plain", "No marks were found", _NO_MARKS


def _source(source_type: str) -> str:
    name = source_type.rstrip("/").rpartition("/")[2]
    return _SOURCES.get(name, name)


def _date(date: str) -> str:
    try:
        when = datetime.fromisoformat(date)
    except ValueError:
        return date
    zone = " UTC" if when.tzinfo and not when.utcoffset() else ""
    return f"{when.day} {when:%B %Y, %H:%M}{zone}"


def _signer(report: ProvenanceReport) -> str:
    if report.is_ours:
        return f"This studio ({report.signer})" if report.signer != SOFTWARE else "This studio, its own certificate"
    return f"{report.signer} (not verified)" if report.signer else ""


def _c2pa(report: ProvenanceReport) -> str:
    return {
        "unsigned": "none",
        "intact": "there and intact",
        "untrusted-signer": "there and intact, signer not known here",
        "changed": "broken: the file was changed",
        "unreadable": "damaged",
    }[report.state]


def _watermark(report: ProvenanceReport) -> str:
    if report.watermark not in _MADE:
        return "none found" if report.watermark == "none" else "could not be looked for"
    mirrored = "; the picture was mirrored" if report.mirrored else ""
    return f"there, says: made {_MADE[report.watermark]}{mirrored}"


def _contradictions(report: ProvenanceReport) -> tuple[str, ...]:
    """Where pixels and words say different things, one of them was moved over from another picture."""
    if report.watermark == "none" and any(step.startswith("watermarked") for step in report.history):
        return ("The credentials tell of a watermark that is not in these pixels: they may be another picture's.",)
    name = report.digital_source_type.rstrip("/").rpartition("/")[2]
    said = {"algorithmicallyEnhanced": "filter", "compositeWithTrainedAlgorithmicMedia": "ai"}.get(name)
    if said is None or report.watermark not in _MADE or report.watermark == said:
        return ()
    return (f"Words and pixels disagree: the watermark says that it was made {_MADE[report.watermark]}.",)


def _xmp(report: ProvenanceReport) -> str:
    if "XMP" not in report.marks:
        return "none"
    return {
        "intact": "there and intact",
        "untrusted-signer": "there; as good as the signer's word",
        "unsigned": "there, not signed",
        "changed": "there, may have been changed",
        "unreadable": "there, not verified",
    }[report.state]

"""A provenance report in words that a visitor understands. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from pipelines.provenance.manifests import SOFTWARE
from pipelines.results import Finding, ProvenanceReport

Tone = Literal["good", "warn", "plain"]

# https://cv.iptc.org/newscodes/digitalsourcetype/
_SOURCES = {
    "compositeWithTrainedAlgorithmicMedia": "A picture made by AI from a photo",
    "trainedAlgorithmicMedia": "A picture made by AI",
    "algorithmicallyEnhanced": "A photo changed by filters, without generative AI",
    "trainedAlgorithmicData": "Data made by AI",
    "empty": "An empty picture",
    "softwareImage": "A picture made with software",
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
_AI = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic")
_NO_MARKS = (
    "That says nothing about how it was made: most programs write no marks, words in a file are lost in most "
    "messengers, and this software's watermark in the pixels is lost in a picture that was turned by more than some "
    "degrees, cut small or painted over."
)
_NO_PROOF = "It helps to find such pictures and proves nothing: the pattern is public, and anybody could have added it."
_MADE = {"ai": "with a generative model", "filter": "with filters, without generative AI"}
_FINDINGS: dict[Finding, str] = {
    "revoked": "The certificate that signed it was revoked by those who issued it.",
    "credential": "The certificate that signed it is not of a kind that C2PA allows.",
    "status-unknown": "Whether its certificate was revoked is not known.",
    "identity": "It also holds a statement of identity (CAWG), which this studio did not verify or look up.",
    "ingredient": "The credentials of a picture that it was made from do not hold.",
    "time-stamp": "Its time stamp could not be verified, so that the time of the signature is not proven.",
    "algorithm": "It uses a method of signing that this studio does not know.",
    "incomplete": "Its credentials are incomplete: something that the rules of C2PA ask for is missing.",
    "malformed": "Its credentials are badly formed: they do not follow the rules of C2PA.",
    "other": "One check of its credentials failed for a reason that this studio does not know.",
}
_OWN_STYLE = "A style of the visitor's own"
_EXPIRED = "The certificate that signed it has expired since"
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
        "Says of itself": "; ".join(report.claims),
        "Made by": report.software,
        "Engine": made_with,
        "Style": _style(facts, styles or {}),
        "Recipe of that style": facts.get("StyleRecipe", "")[:16],
        "Painted": facts.get("StyleSource", ""),
        "Scene": "" if scene == "none" else (scenes or {}).get(scene, scene),
        "Seed": facts.get("Seed", ""),
        "Likeness": f"{facts['Likeness']} of 1" if facts.get("Likeness") else "",
        "Shape": "" if facts.get("Shape") == "1:1" else facts.get("Shape", ""),
        "Made on": _date(report.date),
        "What was done": "" if made_with else "; ".join(report.history),
        "Signed by": _signer(report),
        "Content credentials (C2PA)": _c2pa(report),
        "Description in the file (XMP)": _xmp(report),
        "Watermark in the pixels": _watermark(report),
        "File": f"{report.format}, {report.width} × {report.height} pixels",
    }
    notes = (*_findings(report), *report.problems, *_contradictions(report))
    return Card(tone, title, sentence, tuple((k, v) for k, v in named.items() if v), notes)


def _style(facts: Mapping[str, str], styles: Mapping[str, str]) -> str:
    style, base = facts.get("Style", ""), facts.get("StyleBase", "")
    if "StyleRecipe" not in facts:
        return styles.get(style, style)
    return f"A style of the visitor's own, based on {styles.get(base, base)}" if base else _OWN_STYLE


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
    if report.state in ("untrusted-signer", "unverified"):
        return _strangers(report)
    if report.state == "unreadable" and report.is_too_slow:
        sentence = f"Whether a signature holds could not be found out. {_NOT_PROVEN}"
        return "warn", "Its credentials could not be read in time", sentence
    if report.state == "unreadable":
        sentence = f"There are content credentials, but they are broken and cannot be read. {_NOT_PROVEN}"
        return "warn", "It carries damaged credentials", sentence
    if report.state == "remote":
        sentence = (
            "The file names a place on another server where its content credentials lie. This studio asks no other "
            f"server, so that nothing of it is verified. {_NOT_PROVEN}"
        )
        return "plain", "Its credentials lie on another server", sentence
    if report.software.startswith(SOFTWARE) or report.facts:
        sentence = f"It names {SOFTWARE}, but carries no signature; saving a picture again loses it. {_NOT_PROVEN}"
        if report.watermark in _MADE:
            sentence = f"{sentence} The watermark in the pixels is this software's too."
        return "warn", "Says where it is from, without proof", sentence
    if report.watermark in _MADE:
        lost = "no credentials" if {"XMP", "words"} & set(report.marks) else "no credentials and no description"
        sentence = (
            f"The file has {lost}, but this software's invisible watermark is in the pixels. It says: made "
            f"{_MADE[report.watermark]}, by this studio or by another one that runs the same software. {_NO_PROOF}"
        )
        return "warn", "Carries this software's watermark", sentence
    if report.claims or report.digital_source_type:
        said = report.claims[0].partition(";")[0] if report.claims else ""
        if _code(report.digital_source_type) in _AI and not said:
            said = "made by AI"
        says = f"It says of itself: {said}. " if said else ""
        return "plain", "Says how it was made, without proof", f"{says}There is no signature. {_NOT_PROVEN}"
    if report.marks:
        what = "where it is from" if report.software else "when it was made"
        return "plain", f"Says {what}, without proof", f"There is no signature. {_NOT_PROVEN}"
    return "plain", "No marks were found", _NO_MARKS


def _strangers(report: ProvenanceReport) -> tuple[Tone, str, str]:
    """A signature that is not this studio's, or one that was not verified."""
    if report.state == "unverified":
        if "revoked" in report.findings:
            title = "Signed with a certificate that was revoked"
        elif report.findings == ("expired",):
            title = "Signed with a certificate that has expired"
        else:
            title = "Its signature could not be verified"
        return "warn", title, f"Nothing shows that it was changed, and nothing proves that it was not. {_NOT_PROVEN}"
    who = f"“{report.signer}”" if report.signer else "a certificate without a name"
    sentence = f"Unchanged since it was signed. This studio cannot say who really stands behind {who}."
    names_us = report.software.startswith(SOFTWARE)
    title = f"Signed by somebody who names {SOFTWARE}" if names_us else "Signed by somebody else"
    return "plain", title, sentence


def _findings(report: ProvenanceReport) -> tuple[str, ...]:
    """Why a signature does not hold in all respects, in words. What is changed is in the title already."""
    if report.state == "unreadable":
        return ()
    sentences = [sentence for kind, sentence in _FINDINGS.items() if kind in report.findings]
    if "expired" in report.findings:
        proof = "" if report.is_ours else "; whether it was made before that, no time stamp shows"
        sentences.insert(0, f"{_EXPIRED}{proof}.")
    return tuple(sentences)


def _code(source_type: str) -> str:
    """The last part of an address, or what follows the colon of a short form."""
    return re.split(r"[/:#]", source_type.strip().rstrip("/"))[-1]


def _source(source_type: str) -> str:
    code = _code(source_type)
    known = next((words for name, words in _SOURCES.items() if name.lower() == code.lower()), "")
    return known or (f"Of a kind that this studio does not know (“{code}”)" if code else "")


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
        "unverified": "there, not verified",
        "unreadable": "not read in time" if report.is_too_slow else "damaged",
        "remote": "on another server, which is not asked",
    }[report.state]


def _watermark(report: ProvenanceReport) -> str:
    if report.watermark not in _MADE:
        if (
            report.watermark == "none"
            and not report.is_ours
            and any(s.startswith("watermarked") for s in report.history)
        ):
            return "none of this software; another program's, which the credentials tell of, cannot be looked for"
        return "none found" if report.watermark == "none" else "could not be looked for"
    mirrored = "; the picture was mirrored" if report.mirrored else ""
    return f"there, says: made {_MADE[report.watermark]}{mirrored}"


def _contradictions(report: ProvenanceReport) -> tuple[str, ...]:
    """Where pixels and words say different things, one of them was moved over from another picture.

    Only for words of this software: another program's watermark cannot be looked for, and whoever works on a portrait
    with another program may say so.
    """
    if report.is_ours and report.watermark == "none" and any(step.startswith("watermarked") for step in report.history):
        return ("The credentials tell of a watermark that is not in these pixels: they may be another picture's.",)
    if not (report.is_ours or report.software.startswith(SOFTWARE)):
        return ()
    name = _code(report.digital_source_type)
    said = {"algorithmicallyEnhanced": "filter", "compositeWithTrainedAlgorithmicMedia": "ai"}.get(name)
    if said is None or report.watermark not in _MADE or report.watermark == said:
        return ()
    return (f"Words and pixels disagree: the watermark says that it was made {_MADE[report.watermark]}.",)


def _xmp(report: ProvenanceReport) -> str:
    if "XMP" not in report.marks:
        return "there, says nothing of the picture's origin" if report.has_xmp else "none"
    return {
        "intact": "there and intact",
        "untrusted-signer": "there; as good as the signer's word",
        "unsigned": "there, not signed",
        "changed": "there, may have been changed",
        "unverified": "there, not verified",
        "remote": "there, not signed",
        "unreadable": "there, not verified",
    }[report.state]

"""A provenance report in words that a visitor understands. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from languages.saying import When, put_together, say
from pipelines.provenance.manifests import SOFTWARE
from pipelines.results import Finding, ProvenanceReport

Tone = Literal["good", "warn", "plain"]

# https://cv.iptc.org/newscodes/digitalsourcetype/
_SOURCES = {
    "compositeWithTrainedAlgorithmicMedia": say("A picture made by AI from a photo"),
    "trainedAlgorithmicMedia": say("A picture made by AI"),
    "algorithmicallyEnhanced": say("A photo changed by filters, without generative AI"),
    "trainedAlgorithmicData": say("Data made by AI"),
    "empty": say("An empty picture"),
    "softwareImage": say("A picture made with software"),
    "algorithmicMedia": say("A picture drawn by a program, without AI training"),
    "compositeSynthetic": say("A composite with parts that are not photographed"),
    "composite": say("A composite of several pictures"),
    "compositeCapture": say("A composite of several photos"),
    "digitalCapture": say("A photo from a digital camera"),
    "computationalCapture": say("A photo computed from several shots of one camera"),
    "digitalCreation": say("Drawn by a person with software"),
    "digitalArt": say("Drawn by a person with software"),
    "dataDrivenMedia": say("Drawn from data"),
    "humanEdits": say("A picture edited by a person"),
    "minorHumanEdits": say("A photo with small corrections"),
    "virtualRecording": say("A recording of a virtual event"),
    "screenCapture": say("A screenshot"),
    "negativeFilm": say("A scan of a negative"),
    "positiveFilm": say("A scan of a slide"),
    "print": say("A scan of a print"),
}
_AI = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic")
_NO_MARKS = say(
    "That says nothing about how it was made: most programs write no marks, words in a file "
    "are lost in most messengers, and this software's watermark in the pixels is lost in a "
    "picture that was turned by more than some degrees, cut small or painted over."
)
_NO_PROOF = say(
    "It helps to find such pictures and proves nothing: the pattern is public, and anybody could have added it."
)
# Translators: these two follow "made" in other sentences: "It says: made with a generative model, by this studio ..."
_MADE = {"ai": say("with a generative model"), "filter": say("with filters, without generative AI")}
_FINDINGS: dict[Finding, str] = {
    "revoked": say("The certificate that signed it was revoked by those who issued it."),
    "credential": say("The certificate that signed it is not of a kind that C2PA allows."),
    "status-unknown": say("Whether its certificate was revoked is not known."),
    "identity": say("It also holds a statement of identity (CAWG), which this studio did not verify or look up."),
    "ingredient": say("The credentials of a picture that it was made from do not hold."),
    "time-stamp": say("Its time stamp could not be verified, so that the time of the signature is not proven."),
    "algorithm": say("It uses a method of signing that this studio does not know."),
    "incomplete": say("Its credentials are incomplete: something that the rules of C2PA ask for is missing."),
    "malformed": say("Its credentials are badly formed: they do not follow the rules of C2PA."),
    "other": say("One check of its credentials failed for a reason that this studio does not know."),
}
_OWN_STYLE = say("A style of the visitor's own")
_NOT_PROVEN = say("What follows is what the file says; anybody could have written it.")


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
    # Translators: the names of rows in a table of what a picture's file says
    named = {
        say("What it is"): _source(report.digital_source_type),
        say("Says of itself"): put_together(*map(_claim, report.claims), between="; "),
        say("Made by"): report.software,
        say("Engine"): made_with,
        say("Style"): _style(facts, styles or {}),
        say("Recipe of that style"): facts.get("StyleRecipe", "")[:16],
        say("Painted"): facts.get("StyleSource", ""),
        say("Scene"): "" if scene == "none" else (scenes or {}).get(scene, scene),
        say("Seed"): facts.get("Seed", ""),
        say("Likeness"): say("{likeness} of 1", likeness=facts["Likeness"]) if facts.get("Likeness") else "",
        say("Shape"): "" if facts.get("Shape") == "1:1" else facts.get("Shape", ""),
        say("Made on"): _date(report.date),
        say("What was done"): "" if made_with else "; ".join(report.history),
        say("Signed by"): _signer(report),
        say("Content credentials (C2PA)"): _c2pa(report),
        say("Description in the file (XMP)"): _xmp(report),
        say("Watermark in the pixels"): _watermark(report),
        say("File"): say(
            "{format}, {width} × {height} pixels", format=report.format, width=report.width, height=report.height
        ),
    }
    notes = (*_findings(report), *report.problems, *_contradictions(report))
    return Card(tone, title, sentence, tuple((k, v) for k, v in named.items() if v), notes)


def _style(facts: Mapping[str, str], styles: Mapping[str, str]) -> str:
    style, base = facts.get("Style", ""), facts.get("StyleBase", "")
    if "StyleRecipe" not in facts:
        return styles.get(style, style)
    if not base:
        return _OWN_STYLE
    return say("A style of the visitor's own, based on {base}", base=styles.get(base, base))


def as_text(shown: Card) -> str:
    """For the shell."""
    width = max(len(name) for name, _ in shown.rows)
    rows = [f"  {name:<{width}}  {value}" for name, value in shown.rows]
    return "\n".join([shown.title, shown.sentence, *rows, *shown.notes])


def _verdict(report: ProvenanceReport) -> tuple[Tone, str, str]:
    if report.state == "intact":
        sentence = say("The signature is this studio's own, and neither picture nor description were changed since.")
        return "good", say("Made by this studio, unchanged"), sentence
    if report.state == "changed" and report.is_ours:
        sentence = say(
            "Either the picture was changed after this studio signed it, or the signature was moved "
            "here from another picture. What follows describes the signed one."
        )
        return "warn", say("Not as this studio signed it"), sentence
    if report.state == "changed":
        sentence = say("Picture or description are not as they were signed. {not_proven}", not_proven=_NOT_PROVEN)
        return "warn", say("Changed after it was signed"), sentence
    if report.state in ("untrusted-signer", "unverified"):
        return _strangers(report)
    if report.state == "unreadable" and report.is_too_slow:
        sentence = say("Whether a signature holds could not be found out. {not_proven}", not_proven=_NOT_PROVEN)
        return "warn", say("Its credentials could not be read in time"), sentence
    if report.state == "unreadable":
        sentence = say(
            "There are content credentials, but they are broken and cannot be read. {not_proven}",
            not_proven=_NOT_PROVEN,
        )
        return "warn", say("It carries damaged credentials"), sentence
    if report.state == "remote":
        sentence = say(
            "The file names a place on another server where its content credentials lie. This studio "
            "asks no other server, so that nothing of it is verified. {not_proven}",
            not_proven=_NOT_PROVEN,
        )
        return "plain", say("Its credentials lie on another server"), sentence
    return _unsigned(report)


def _unsigned(report: ProvenanceReport) -> tuple[Tone, str, str]:
    """A file without content credentials, by what else it has."""
    if report.software.startswith(SOFTWARE) or report.facts:
        sentence = say(
            "It names {software}, but carries no signature; saving a picture again loses it. {not_proven}",
            software=SOFTWARE,
            not_proven=_NOT_PROVEN,
        )
        if report.watermark in _MADE:
            sentence = put_together(sentence, say("The watermark in the pixels is this software's too."))
        return "warn", say("Says where it is from, without proof"), sentence
    if report.watermark in _MADE:
        lost = say("The file has no credentials and no description.")
        if {"XMP", "words"} & set(report.marks):
            lost = say("The file has no credentials.")
        sentence = say(
            "{lost} But this software's invisible watermark is in the pixels. It says: made {made}, by this studio or "
            "by another one that runs the same software. {no_proof}",
            lost=lost,
            made=_MADE[report.watermark],
            no_proof=_NO_PROOF,
        )
        return "warn", say("Carries this software's watermark"), sentence
    if report.claims or report.digital_source_type:
        said = report.claims[0].partition(";")[0] if report.claims else ""
        if _code(report.digital_source_type) in _AI and not said:
            said = say("made by AI")
        says = say("It says of itself: {said}.", said=_claim(said)) if said else ""
        return (
            "plain",
            say("Says how it was made, without proof"),
            put_together(says, say("There is no signature. {not_proven}", not_proven=_NOT_PROVEN)),
        )
    if report.marks:
        where = say("Says where it is from, without proof")
        return (
            "plain",
            where if report.software else say("Says when it was made, without proof"),
            say("There is no signature. {not_proven}", not_proven=_NOT_PROVEN),
        )
    return "plain", say("No marks were found"), _NO_MARKS


def _strangers(report: ProvenanceReport) -> tuple[Tone, str, str]:
    """A signature that is not this studio's, or one that was not verified."""
    if report.state == "unverified":
        if "revoked" in report.findings:
            title = say("Signed with a certificate that was revoked")
        elif report.findings == ("expired",):
            title = say("Signed with a certificate that has expired")
        else:
            title = say("Its signature could not be verified")
        return (
            "warn",
            title,
            say(
                "Nothing shows that it was changed, and nothing proves that it was not. {not_proven}",
                not_proven=_NOT_PROVEN,
            ),
        )
    who = f"“{report.signer}”" if report.signer else say("a certificate without a name")
    sentence = say("Unchanged since it was signed. This studio cannot say who really stands behind {who}.", who=who)
    names_us = report.software.startswith(SOFTWARE)
    title = (
        say("Signed by somebody who names {software}", software=SOFTWARE)
        if names_us
        else say("Signed by somebody else")
    )
    return "plain", title, sentence


def _findings(report: ProvenanceReport) -> tuple[str, ...]:
    """Why a signature does not hold in all respects, in words. What is changed is in the title already."""
    if report.state == "unreadable":
        return ()
    sentences = [sentence for kind, sentence in _FINDINGS.items() if kind in report.findings]
    if "expired" in report.findings:
        expired = say("The certificate that signed it has expired since.")
        if not report.is_ours:
            expired = say(
                "The certificate that signed it has expired since; whether it was made before that, no time stamp "
                "shows."
            )
        sentences.insert(0, expired)
    return tuple(sentences)


def _code(source_type: str) -> str:
    """The last part of an address, or what follows the colon of a short form."""
    return re.split(r"[/:#]", source_type.strip().rstrip("/"))[-1]


def _source(source_type: str) -> str:
    code = _code(source_type)
    known = next((words for name, words in _SOURCES.items() if name.lower() == code.lower()), "")
    return known or (say("Of a kind that this studio does not know (“{code}”)", code=code) if code else "")


def _date(date: str) -> str:
    try:
        when = datetime.fromisoformat(date)
    except ValueError:
        return date
    zone = " UTC" if when.tzinfo and not when.utcoffset() else ""
    return When(when, f"{when.day} {when:%B %Y, %H:%M}{zone}")


_CLAIM = re.compile(r"made by AI with (.+?)(?:; its ((?:prompt and )?\w+) (?:is|are) in the file)?")


def _claim(claim: str) -> str:
    """What pipelines/provenance/tools.py says, which other processes hand over as plain text."""
    found = _CLAIM.fullmatch(claim)
    if found is None:
        return _CLAIMS.get(claim, claim)
    program, what = found.groups()
    values = {"program": _PROGRAMS.get(program, program)}
    return _LEFT[what].filled(**values) if what in _LEFT else say("made by AI with {program}", **values)


# Translators: what a file says of itself; {program} made it.
_LEFT = {
    "settings": say("made by AI with {program}; its settings are in the file", program=""),
    "workflow": say("made by AI with {program}; its workflow is in the file", program=""),
    "prompt": say("made by AI with {program}; its prompt is in the file", program=""),
    "prompt and settings": say("made by AI with {program}; its prompt and settings are in the file", program=""),
}
# Translators: {program} in "made by AI with {program}"
_PROGRAMS: dict[str, str] = {
    "an online generator": say("an online generator"),
    "an image generator": say("an image generator"),
    "a Stable Diffusion interface": say("a Stable Diffusion interface"),
    "the Stable Diffusion web UI": say("the Stable Diffusion web UI"),
    "the Stable Diffusion web UI or a program like it": say("the Stable Diffusion web UI or a program like it"),
}
_CLAIMS: dict[str, str] = {
    "made by AI": say("made by AI"),
    "made by AI from a prompt, which is in the file": say("made by AI from a prompt, which is in the file"),
    "made by AI, by China's AIGC label (TC260)": say("made by AI, by China's AIGC label (TC260)"),
    "perhaps made by AI, by China's AIGC label (TC260)": say("perhaps made by AI, by China's AIGC label (TC260)"),
    "suspected to be made by AI, by China's AIGC label (TC260)": say(
        "suspected to be made by AI, by China's AIGC label (TC260)"
    ),
    "marked, by China's AIGC label (TC260)": say("marked, by China's AIGC label (TC260)"),
    "it holds a prompt, as generators of pictures write one": say(
        "it holds a prompt, as generators of pictures write one"
    ),
}


def _signer(report: ProvenanceReport) -> str:
    if report.is_ours:
        return (
            say("This studio ({signer})", signer=report.signer)
            if report.signer != SOFTWARE
            else say("This studio, its own certificate")
        )
    return say("{signer} (not verified)", signer=report.signer) if report.signer else ""


def _c2pa(report: ProvenanceReport) -> str:
    # Translators: said of a mark in a picture's file
    return {
        "unsigned": say("none"),
        "intact": say("there and intact"),
        "untrusted-signer": say("there and intact, signer not known here"),
        "changed": say("broken: the file was changed"),
        "unverified": say("there, not verified"),
        "unreadable": say("not read in time") if report.is_too_slow else say("damaged"),
        "remote": say("on another server, which is not asked"),
    }[report.state]


def _watermark(report: ProvenanceReport) -> str:
    if report.watermark not in _MADE:
        if (
            report.watermark == "none"
            and not report.is_ours
            and any(s.startswith("watermarked") for s in report.history)
        ):
            return say("none of this software; another program's, which the credentials tell of, cannot be looked for")
        return say("none found") if report.watermark == "none" else say("could not be looked for")
    made = _MADE[report.watermark]
    if report.mirrored:
        return say("there, says: made {made}; the picture was mirrored", made=made)
    return say("there, says: made {made}", made=made)


def _contradictions(report: ProvenanceReport) -> tuple[str, ...]:
    """Where pixels and words say different things, one of them was moved over from another picture.

    Only for words of this software: another program's watermark cannot be looked for, and whoever works on a portrait
    with another program may say so.
    """
    if report.is_ours and report.watermark == "none" and any(step.startswith("watermarked") for step in report.history):
        return (say("The credentials tell of a watermark that is not in these pixels: they may be another picture's."),)
    if not (report.is_ours or report.software.startswith(SOFTWARE)):
        return ()
    name = _code(report.digital_source_type)
    said = {"algorithmicallyEnhanced": "filter", "compositeWithTrainedAlgorithmicMedia": "ai"}.get(name)
    if said is None or report.watermark not in _MADE or report.watermark == said:
        return ()
    return (
        say("Words and pixels disagree: the watermark says that it was made {made}.", made=_MADE[report.watermark]),
    )


def _xmp(report: ProvenanceReport) -> str:
    if "XMP" not in report.marks:
        # Translators: said of a mark in a picture's file
        return say("there, says nothing of the picture's origin") if report.has_xmp else say("none")
    return {
        "intact": say("there and intact"),
        "untrusted-signer": say("there; as good as the signer's word"),
        "unsigned": say("there, not signed"),
        "changed": say("there, may have been changed"),
        "unverified": say("there, not verified"),
        "remote": say("there, not signed"),
        "unreadable": say("there, not verified"),
    }[report.state]

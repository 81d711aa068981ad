"""What is kept of one session at this moment: read from the folders and from the memory, not from a counter."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.errors import ConsentMissing
from study.notice import after_closing
from visits.links import LINK_MINUTES
from visits.studio import Studio
from visits.visit import KEEP_MINUTES, Visit

_WALL = "Two random numbers, this page's and your cookie's, are in memory: they keep others out of your visit."


@dataclass(frozen=True)
class Kept:
    """One thing that is kept.

    Attributes:
        what: Its kind, for the visitor.
        where: Memory, or which folder.
        bytes: Its size.
        seconds: Its age.
        goes: When it goes, the words after "goes".
    """

    what: str
    where: str
    bytes: int
    seconds: float
    goes: str


def kept_of(studio: Studio, session: str | None) -> list[Kept]:
    """Everything of one session, and of no other: memory first, then the disk. Empty where nothing is kept."""
    if not session:
        return []
    try:
        visit, consent = studio.visits.require(session)
    except ConsentMissing:
        visit, consent = None, None
    found: list[Kept] = []
    name, closing = studio.visits.name_of(session), after_closing(studio.visits.away_seconds)
    if visit is not None and consent is not None:
        now, photo = time.monotonic(), visit.photo
        age = (datetime.now(UTC) - consent.granted_at).total_seconds()
        size = len(consent.model_dump_json().encode())
        found.append(
            Kept(f"Your consent, receipt {consent.id[:8]} …", "memory", size, age, f"when you delete it, or {closing}")
        )
        if photo is not None:
            age, width, height = now - visit.photo_at, *photo.image.size
            size = width * height * len(photo.image.getbands()) + studio.pipeline.memory_of(photo)
            what = f"Your photo, {width} x {height} pixels, with its crops"
            found.append(Kept(what, "memory", size, age, _at_the_latest(age, closing)))
        if (given := visit.style_picture) is not None:
            age, (width, height) = now - visit.style_picture_at, given.image.size
            size = width * height * len(given.image.getbands())
            what = f"Your style picture, {width} x {height} pixels"
            found.append(Kept(what, "memory", size, age, _at_the_latest(age, closing)))
        found += _styles(visit, closing)
        for kept in list(visit.kept):
            size = len(kept.original) + sum(len(picture) for _, picture in kept.controls)
            age = now - kept.made_at
            what = f"The crop beside portrait {_name(kept.portrait.path)}"
            found.append(Kept(what, "memory", size, age, _at_the_latest(age, closing)))
    if visit is not None and visit.board is not None:
        for one in list(visit.board.sitters):
            picture = one.photo.photo.image
            size = picture.width * picture.height * len(picture.getbands()) + sum(
                len(thumb) for thumb in list(one.thumbs.values())
            )
            age = time.monotonic() - one.at
            found.append(
                Kept(
                    f"A photo on your style board: {one.photo.title}", "memory", size, age, _at_the_latest(age, closing)
                )
            )
        found += [_file(path, "A portrait on your style board", closing) for path in visit.board.files()]
    found += [
        _file(path, f"Portrait {_name(path)}", closing)
        for path in sorted(studio.pipeline.folder(name).glob("*"), key=_made)
    ]
    found += [_file(path, "A photo sent by a program, not read yet", closing) for path in studio.uploads.files(name)]
    if visit is not None:
        for portrait_id, link in list(visit.links.items()):
            linked = visit.portrait(portrait_id)
            if linked is not None and link.state() == "open":
                what = f"A one-time link to portrait {_name(linked.portrait.path)}, for a phone"
                goes = f"when it was used, after {LINK_MINUTES} minutes, or with your visit"
                found.append(Kept(what, "memory", len(link.digest), time.monotonic() - link.made_at, goes))
    for copy in studio.visits.copies(session):
        uses = " and ".join({"study": "the study", "examples": "examples"}[use] for use in copy.paper.purposes)
        age = (datetime.now(UTC) - copy.paper.kept_at).total_seconds()
        goes = f"when you delete it, after {copy.paper.delete_after.isoformat()} at the latest"
        found.append(Kept(f"Copy of a portrait for {uses}", "study folder", copy.bytes, age, goes))
    return found


def as_html(found: list[Kept]) -> str:
    """The list for the page, with the time at which it was looked at."""
    at = datetime.now(UTC).strftime("%H:%M:%S")
    looked = f"Looked up in memory and on the disk at {at} UTC, for this page only."
    looked = f'<p class="fine">{looked} {_WALL}</p>'
    if not found:
        lead = '<p class="lead">Nothing of yours is stored.</p>'
        return f'<div class="kept-now" role="status">{lead}{looked}</div>'
    rows = "".join(
        f"<li><b>{html.escape(one.what)}</b><span>{html.escape(one.where)}</span><span>{size(one.bytes)}</span>"
        f"<span>{_age(one.seconds)} old</span><span>goes {html.escape(one.goes)}</span></li>"
        for one in found
    )
    total = size(sum(one.bytes for one in found))
    count = "1 item" if len(found) == 1 else f"{len(found)} items"
    head = f'<p class="lead">Stored right now: {count}, {total}.</p>'
    return f'<div class="kept-now" role="status">{head}<ul>{rows}</ul>{looked}</div>'


def size(number: int) -> str:
    """Bytes in words, decimal prefixes."""
    if number < 1000:
        return f"{number} bytes"
    return f"{number / 1000:.0f} kB" if number < 1_000_000 else f"{number / 1e6:.1f} MB"


def _file(path: Path, what: str, closing: str) -> Kept:
    try:
        status = path.stat()
    except OSError:  # gone between the listing and the look
        return Kept(what, "temporary folder", 0, 0.0, "now")
    age = max(0.0, time.time() - status.st_mtime)
    return Kept(what, "temporary folder", status.st_size, age, _at_the_latest(age, closing))


def _styles(visit: Visit, closing: str) -> list[Kept]:
    """The visit's own styles, and what it has changed of others."""
    now, found = time.monotonic(), []
    for what, styles in (("A style of your own", visit.own.kept), ("A style that you changed", visit.own.drafts)):
        for one in styles.values():
            goes = f"when you remove it, or {closing}"
            found.append(Kept(f"{what}: {one.style.name}", "memory", one.bytes, now - one.at, goes))
    return found


def _made(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def _name(path: Path) -> str:
    """Style, scene and seed; the random part of the name is nobody's business."""
    return path.stem.rsplit("-", 1)[0]


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _at_the_latest(seconds: float, closing: str) -> str:
    return f"when you delete it, or {closing}, in {max(1, KEEP_MINUTES - int(seconds // 60))} min at the latest"

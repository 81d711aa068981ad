"""What is kept of one session at this moment: read from the folders and from the memory, not from a counter."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from languages.saying import listed, say, say_many
from pipelines.errors import ConsentMissing
from pipelines.schema import Consent
from study.archive import KeptCopy
from study.notice import after_closing
from visits.board import VisitBoard
from visits.links import LINK_MINUTES
from visits.studio import Studio
from visits.visit import KEEP_MINUTES, Visit

_WALL = say("Two random numbers, this page's and your cookie's, are in memory: they keep others out of your visit.")
# Translators: where something is kept
_MEMORY = say("memory")
# Translators: where something is kept
_SHARED = say("memory, and the database of this studio's machines")
# Translators: where something is kept
_FOLDER = say("temporary folder")


@dataclass(frozen=True)
class Kept:
    """One thing that is kept.

    Attributes:
        what: Its kind, for the visitor.
        where: Memory, or which folder.
        bytes: Its size.
        seconds: Its age.
        goes: When it goes, as "goes when ...".
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
    name, closing = studio.visits.name_of(session), after_closing(studio.visits.away_seconds)
    found: list[Kept] = []
    if visit is not None and consent is not None:
        found += [_consent(studio, consent, closing), *_pictures(studio, visit, closing), *_styles(visit, closing)]
        found += _crops(visit, closing)
    if visit is not None and visit.board is not None:
        found += _board(visit.board, closing)
    found += [
        _file(path, say("Portrait {name}", name=_name(path)), closing)
        for path in sorted(studio.pipeline.folder(name).glob("*"), key=_made)
    ]
    found += [
        _file(path, say("A photo sent by a program, not read yet"), closing) for path in studio.uploads.files(name)
    ]
    if visit is not None:
        found += _links(visit)
    return found + [_copy(copy) for copy in studio.visits.copies(session)]


def _consent(studio: Studio, consent: Consent, closing: str) -> Kept:
    age = (datetime.now(UTC) - consent.granted_at).total_seconds()
    return Kept(
        # Translators: receipts have a number; its beginning stands here
        say("Your consent, receipt {number} …", number=consent.id[:8]),
        _SHARED if studio.consents.is_shared else _MEMORY,
        len(consent.model_dump_json().encode()),
        age,
        say("goes when you delete it, or {closing}", closing=closing),
    )


def _pictures(studio: Studio, visit: Visit, closing: str) -> Iterator[Kept]:
    """What the visitor gave, as it lies in memory: pixels without compression."""
    now, photo = time.monotonic(), visit.photo
    if photo is not None:
        width, height = photo.image.size
        what = say("Your photo, {width} x {height} pixels, with its crops", width=width, height=height)
        held = _pixels(photo.image) + studio.pipeline.memory_of(photo)
        yield _in_memory(what, held, now - visit.photo_at, closing)
    if (given := visit.style_picture) is not None:
        width, height = given.image.size
        what = say("Your style picture, {width} x {height} pixels", width=width, height=height)
        yield _in_memory(what, _pixels(given.image), now - visit.style_picture_at, closing)


def _crops(visit: Visit, closing: str) -> Iterator[Kept]:
    for kept in list(visit.kept):
        held = len(kept.original) + sum(len(picture) for _, picture in kept.controls)
        what = say("The crop beside portrait {name}", name=_name(kept.portrait.path))
        yield _in_memory(what, held, time.monotonic() - kept.made_at, closing)


def _board(board: VisitBoard, closing: str) -> Iterator[Kept]:
    for one in list(board.sitters):
        held = _pixels(one.photo.photo.image) + sum(len(thumb) for thumb in list(one.thumbs.values()))
        what = say("A photo on your style board: {title}", title=one.photo.title)
        yield _in_memory(what, held, time.monotonic() - one.at, closing)
    for path in board.files():
        yield _file(path, say("A portrait on your style board"), closing)


def _links(visit: Visit) -> Iterator[Kept]:
    for portrait_id, link in list(visit.links.items()):
        linked = visit.portrait(portrait_id)
        if linked is not None and link.state() == "open":
            what = say("A one-time link to portrait {name}, for a phone", name=_name(linked.portrait.path))
            goes = say("goes when it was used, after {minutes} minutes, or with your visit", minutes=LINK_MINUTES)
            yield Kept(what, _MEMORY, len(link.digest), time.monotonic() - link.made_at, goes)


def _copy(copy: KeptCopy) -> Kept:
    # Translators: these two stand in "Copy of a portrait for {uses}"
    names = {"study": say("the study"), "examples": say("examples")}
    uses = listed([names[use] for use in copy.paper.purposes])
    age = (datetime.now(UTC) - copy.paper.kept_at).total_seconds()
    goes = say("goes when you delete it, after {day} at the latest", day=copy.paper.delete_after.isoformat())
    return Kept(say("Copy of a portrait for {uses}", uses=uses), say("study folder"), copy.bytes, age, goes)


def _in_memory(what: str, held: int, age: float, closing: str) -> Kept:
    return Kept(what, _MEMORY, held, age, _at_the_latest(age, closing))


def _pixels(picture: Image.Image) -> int:
    """Bytes of a picture without compression."""
    return picture.width * picture.height * len(picture.getbands())


def as_html(found: list[Kept]) -> str:
    """The list for the page, with the time at which it was looked at."""
    at = datetime.now(UTC).strftime("%H:%M:%S")
    looked: str = say("Looked up in memory and on the disk at {time} UTC, for this page only.", time=at)
    looked = f'<p class="fine">{looked} {_WALL}</p>'
    if not found:
        lead = f'<p class="lead">{say("Nothing of yours is stored.")}</p>'
        return f'<div class="kept-now" role="status">{lead}{looked}</div>'
    # Translators: {age} is as "3 min": how long something has been here
    rows = "".join(
        f"<li><b>{html.escape(one.what)}</b><span>{html.escape(one.where)}</span><span>{size(one.bytes)}</span>"
        f"<span>{say('{age} old', age=_age(one.seconds))}</span><span>{html.escape(one.goes)}</span></li>"
        for one in found
    )
    total = size(sum(one.bytes for one in found))
    count = say_many("{count} item", "{count} items", len(found))
    head = f'<p class="lead">{say("Stored right now: {items}, {total}.", items=count, total=total)}</p>'
    return f'<div class="kept-now" role="status">{head}<ul>{rows}</ul>{looked}</div>'


def size(number: int) -> str:
    """Bytes in words, decimal prefixes."""
    if number < 1000:
        return say_many("{count} byte", "{count} bytes", number)
    if number < 1_000_000:
        return say("{number:.0f} kB", number=number / 1000)
    return say("{number:.1f} MB", number=number / 1e6)


def _file(path: Path, what: str, closing: str) -> Kept:
    try:
        status = path.stat()
    except OSError:  # gone between the listing and the look
        return Kept(what, _FOLDER, 0, 0.0, say("goes now"))
    age = max(0.0, time.time() - status.st_mtime)
    return Kept(what, _FOLDER, status.st_size, age, _at_the_latest(age, closing))


def _styles(visit: Visit, closing: str) -> list[Kept]:
    """The visit's own styles, and what it has changed of others."""
    now, found = time.monotonic(), []
    goes = say("goes when you remove it, or {closing}", closing=closing)
    for one in visit.own.kept.values():
        what = say("A style of your own: {name}", name=one.style.name)
        found.append(Kept(what, _MEMORY, one.bytes, now - one.at, goes))
    for one in visit.own.drafts.values():
        what = say("A style that you changed: {name}", name=one.style.name)
        found.append(Kept(what, _MEMORY, one.bytes, now - one.at, goes))
    return found


def _made(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def _name(path: Path) -> str:
    """Style, scene and seed; the random part of the name is nobody's business."""
    return path.stem.rsplit("-", 1)[0]


def _age(seconds: float) -> str:
    # Translators: seconds, then minutes, both short
    return say("{number:.0f} s", number=seconds) if seconds < 90 else say("{number:.0f} min", number=seconds / 60)


def _at_the_latest(seconds: float, closing: str) -> str:
    left = max(1, KEEP_MINUTES - int(seconds // 60))
    return say("goes when you delete it, or {closing}, in {minutes} min at the latest", closing=closing, minutes=left)

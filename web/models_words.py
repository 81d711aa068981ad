"""What the operator's page of models says of each offer: size, licences, whether it can run here, how far it is.

English only, as the researchers' pages.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from languages.saying import ENGLISH, speaking
from pipelines.engines.device import cpu_memory_bytes, is_slow, what_lacks
from pipelines.hub.components import Component
from pipelines.hub.jobs import Downloads, Progress
from pipelines.hub.offers import Offer
from pipelines.hub.removing import Removal
from pipelines.hub.stack import ModelStack
from pipelines.hub.weights import StackState, inspect, readable_size
from pipelines.safety.review import Safety

_STATUS = {
    "waiting": "Waits for another download",
    "looking": "Asks the hub what there is",
    "running": "Downloading",
    "paused": "Paused",
    "failed": "Stopped",
    "cancelled": "Cancelled",
}
_HERE = {"present": "Here", "reduced": "Here in part, and usable", "partial": "Begun", "absent": "Not here"}


@dataclass(frozen=True)
class Part:
    """One component, as a row of a table."""

    name: str
    source: str
    licence: str
    size: str
    is_here: bool


@dataclass(frozen=True)
class Bar:
    """A progress bar: its name, thousandths, and what is written beside it."""

    name: str
    thousandths: int
    words: str


@dataclass(frozen=True)
class Button:
    """Something that can be done: the action of the address, its words, and a class of the style sheet."""

    action: str
    words: str
    kind: str = ""


@dataclass(frozen=True)
class Card:
    """One offer on the page.

    Attributes:
        status: Where it stands, in a few words.
        trouble: Why a download failed or waits, a sentence, or "".
        lacks: Why this machine cannot run it, a sentence, or "".
        facts: (word, sentence) for the list of facts.
        whole: The bar over all parts; None where nothing is on its way.
        bars: One for each part.
        remarks: What is here in place of what, what is missing.
        freed: What deleting frees, a sentence; "" where nothing can be deleted.
        shape: Changes where more changed than numbers, so that the script knows what to replace.
    """

    id: str
    name: str
    summary: str
    status: str
    is_at_work: bool
    is_here: bool
    trouble: str
    lacks: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    whole: Bar | None
    bars: tuple[Bar, ...]
    remarks: tuple[str, ...]
    buttons: tuple[Button, ...]
    freed: str

    @property
    def shape(self) -> str:
        """See above."""
        seen = (self.status, self.trouble != "", len(self.bars), self.remarks, self.buttons, self.freed != "")
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:12]


def cards(downloads: Downloads, safety: Safety) -> list[Card]:
    """One for each offer that stands for itself. Reads the disk, and may load torch."""
    with speaking(ENGLISH):
        return [_card(offer, downloads, safety) for offer in downloads.offers.values() if not offer.is_part]


def _card(offer: Offer, downloads: Downloads, safety: Safety) -> Card:
    found, latest = offer.state(), downloads.progress(offer.id)
    shown = latest if latest is not None and latest.status in _STATUS and found.status != "present" else None
    followed = None if shown is None or shown.status == "cancelled" else shown
    is_at_work = latest is not None and latest.is_at_work
    lacks = _lacks(offer, safety)
    return Card(
        id=offer.id,
        name=str(offer.name),
        summary=str(offer.summary),
        status=_here(offer, found) if shown is None else _STATUS[shown.status],
        is_at_work=is_at_work,
        is_here=found.is_usable,
        trouble="" if shown is None else shown.words,
        lacks=lacks,
        facts=tuple(_facts(offer, found)),
        parts=tuple(_part(component) for component in offer.components),
        whole=None if followed is None or not followed.parts else _whole(followed),
        bars=() if followed is None else tuple(_bar(part.name, part.done, part.total) for part in followed.parts),
        remarks=tuple(_remarks(found, followed, latest)),
        buttons=tuple(_buttons(offer, found, latest, invites=not lacks)),
        freed="" if is_at_work else _freed(downloads.removal(offer.id)),
    )


def _freed(removal: Removal) -> str:
    if not removal.frees:
        return ""
    freed = f"Deleting frees {readable_size(removal.frees)}."
    if removal.shared:
        freed += f" {readable_size(removal.kept)} stay, for {' and '.join(removal.shared)}."
    return freed


def _here(offer: Offer, found: StackState) -> str:
    return "Comes with the studio" if not offer.is_on_hub else _HERE[found.status]


def _lacks(offer: Offer, safety: Safety) -> str:
    if offer.stack is None:
        return ""
    return what_lacks(offer.stack) or safety.why_not(offer.stack)


def _facts(offer: Offer, found: StackState) -> list[tuple[str, str]]:
    licences = dict.fromkeys(component.source.licence for component in offer.components)
    facts = [("Licences", ", ".join(licences))]
    if offer.is_on_hub:
        missing = readable_size(found.bytes_missing) if found.bytes_missing else "nothing more"
        here = f"{readable_size(found.bytes_present)} here" if found.bytes_present else "nothing here yet"
        facts.append(
            ("Download", f"{readable_size(offer.bytes)} in all, as much on the disk; {here}, {missing} to come")
        )
    if offer.stack is not None:
        facts += [("Adds", _adds(offer.stack)), ("Memory", _memory(offer.stack))]
        if not what_lacks(offer.stack):
            facts.append(("Here", _speed(offer.stack)))
    return facts


def _adds(stack: ModelStack) -> str:
    said = [f"portraits of {stack.size} × {stack.size} pixels"]
    if stack.reads_words:
        said.append("visitors' own words")
    if stack.reads_style_picture:
        said.append("visitors' own style pictures")
    return ", ".join(said)


def _memory(stack: ModelStack) -> str:
    gpu = f"{readable_size(stack.memory_bytes)} on a GPU"
    if stack.offload_memory_bytes:
        gpu += f", or {readable_size(stack.offload_memory_bytes)} with one part there at a time"
    return gpu + ("" if stack.needs_gpu else f"; {readable_size(cpu_memory_bytes(stack))} on a processor")


def _speed(stack: ModelStack) -> str:
    return "runs on this machine's processor; a portrait takes minutes" if is_slow(stack) else "runs on this machine"


def _part(component: Component) -> Part:
    source = component.source
    place = str(source.repo_id) if source.repo_id else "comes with the studio"
    if source.repo_id and source.revision:
        place += f" @ {source.revision[:7]}"
    return Part(
        component.name,
        place,
        source.licence,
        readable_size(source.bytes) if source.bytes else "–",
        inspect(component)[0],
    )


def _whole(progress: Progress) -> Bar:
    words = f"{amount(progress.done)} of {amount(progress.total)}"
    if progress.rate:
        words += f", {amount(round(progress.rate))} a second"
    if progress.seconds_left is not None:
        words += f", {duration(progress.seconds_left)} left"
    return Bar("All parts", _thousandths(progress.done, progress.total), words)


def _bar(name: str, done: int, total: int) -> Bar:
    words = f"{amount(total)}, complete" if done >= total else f"{amount(done)} of {amount(total)}"
    return Bar(name, _thousandths(done, total), words)


def _remarks(found: StackState, followed: Progress | None, latest: Progress | None) -> list[str]:
    remarks = list(found.notes)
    if followed is not None:
        remarks += followed.notes
    if latest is not None:
        remarks += latest.left_out
    if found.status == "reduced":
        remarks.append(f"It works without these parts, which are not here: {', '.join(found.missing)}.")
    return remarks


def _buttons(offer: Offer, found: StackState, progress: Progress | None, *, invites: bool) -> list[Button]:
    if not offer.is_on_hub:
        return []
    if progress is not None and progress.is_at_work:
        return [Button("pause", "Pause"), Button("cancel", "Cancel")]
    if found.status == "present":
        return []
    size = f" {readable_size(found.bytes_missing)}" if found.bytes_missing else ""
    if progress is not None and progress.status in ("paused", "failed"):
        return [Button("start", "Go on", "main"), Button("cancel", "Cancel")]
    words = "Fetch the rest," if found.status in ("reduced", "partial") else "Download"
    return [Button("start", f"{words}{size}", "main" if invites and found.status != "reduced" else "")]


def amount(count: int) -> str:
    """Bytes with as many digits as change while one looks."""
    if count >= 1e9:
        return f"{count / 1e9:.2f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def duration(seconds: float) -> str:
    """A time that is left, roughly."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"


def _thousandths(done: int, total: int) -> int:
    return 1000 if total <= 0 else min(1000, done * 1000 // total)

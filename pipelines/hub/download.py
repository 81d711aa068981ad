"""Fetches what is missing of a model stack from the hub: with progress, resumable, checked. Only when asked to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import Cancelled, EngineUnavailable, NotOnTheHub
from pipelines.hub import cache
from pipelines.hub.components import SAFETY_CHECKER, Component, annotator_component
from pipelines.hub.plan import CanDoWithout, Piece, Plan, hub_errors, make_plan
from pipelines.hub.stack import ModelStack
from pipelines.hub.transfer import HubFile, Watch, fetch, take_along
from pipelines.hub.weights import is_whole, readable_size, require, require_annotator, usable
from pipelines.schema import AnnotatorName

_DISK_MARGIN = 500_000_000
_LOOK_UP_SECONDS = 0.2

Progress = Callable[[int, int], bool]


@dataclass
class Tally:
    """A `Watch` that counts bytes over all files and asks the caller after each chunk whether to go on."""

    on_progress: Progress
    total: int = 0
    done: int = field(default=0, init=False)

    def moved(self, count: int) -> None:
        self.done += count
        if not self.on_progress(min(self.done, self.total), self.total):
            raise Cancelled("The download was stopped; start it again to go on where it was.")

    def wait(self, seconds: float, reason: str) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.moved(0)
            time.sleep(min(left, _LOOK_UP_SECONDS))


def download(stack: ModelStack, on_progress: Progress, *, fresh: bool = False) -> tuple[str, ...]:
    """Fetch what is missing of a stack into the cache of huggingface_hub.

    Files that are complete are never fetched again, and a stopped download goes on with the byte after the last.

    Args:
        stack: Its sources are pinned by revision where the preset says so.
        on_progress: Told (bytes done, bytes in all) after each chunk; answering False stops within one.
        fresh: Fetch files again that are here already, for a download that turned out damaged.

    Returns:
        What was taken in place of what, and what was left out because the hub does not give it, as sentences.

    Raises:
        Cancelled: on_progress answered False.
        EngineUnavailable: No network, no such repository or file, damaged twice on its way, or not enough disk.
    """
    said = _download(stack.components(), lambda names: stack.without(names) is not None, on_progress, fresh)
    require(usable(stack) or stack)
    return said


def download_annotator(name: AnnotatorName, on_progress: Progress, *, fresh: bool = False) -> tuple[str, ...]:
    """Fetch the weights of an annotator, as `download` does those of a stack."""
    said = _download((annotator_component(name),), nothing, on_progress, fresh)
    require_annotator(name)
    return said


def download_checker(on_progress: Progress, *, fresh: bool = False) -> tuple[str, ...]:
    """Fetch the weights of the picture checker, as `download` does those of a stack."""
    return _download((SAFETY_CHECKER,), nothing, on_progress, fresh)


def nothing(_names: frozenset[str]) -> bool:
    """The `can_do_without` of what needs all its parts."""
    return False


def _download(
    components: tuple[Component, ...], can_do_without: CanDoWithout, on_progress: Progress, fresh: bool
) -> tuple[str, ...]:
    tally = Tally(on_progress)
    plan = make_plan(components, can_do_without, tally, fresh=fresh)
    tally.total = plan.missing
    left_out = (*plan.left_out, *carry_out(plan, can_do_without, tally))
    return (*plan.notes, *(sentence for _, sentence in left_out))


def carry_out(
    plan: Plan, can_do_without: CanDoWithout, watch: Watch, on_component: Callable[[str], None] = lambda name: None
) -> tuple[tuple[str, str], ...]:
    """Fetch what a plan says.

    Args:
        plan: From `make_plan`.
        can_do_without: As there.
        watch: Told of every chunk.
        on_component: Told whose turn it is, by name, before each file.

    Returns:
        Names of further components that the hub does not give, and why, as sentences.

    Raises:
        Cancelled: The watch said so.
        EngineUnavailable: Another download is under way, there is too little room, or the hub does not give a file.
    """
    watch.moved(0)
    # One that has all its files may lack the ref that leads to them: another source or program fetched them.
    pieces = [piece for piece in plan.pieces if piece.wanted or piece.listing is not None]
    if not pieces:
        return ()
    left_out = dict(plan.left_out)
    with hub_errors("files of this model"):
        check_disk(plan.missing)
        with cache.downloading():
            for piece, file in _in_order(pieces, fresh=plan.fresh):
                name = piece.component.name
                if name in left_out:
                    continue
                on_component(name)
                try:
                    with hub_errors(name):
                        fetch(file, watch)
                except NotOnTheHub as error:
                    if not can_do_without(frozenset({*left_out, name})):
                        raise
                    left_out[name] = error.hint
    return tuple(item for item in left_out.items() if item not in plan.left_out)


def _in_order(pieces: list[Piece], *, fresh: bool) -> Iterator[tuple[Piece, HubFile]]:
    """The smallest file of each first: what the hub does not give is known before gigabytes have come."""
    came_along: set[Path] = set()
    first = {piece.component.name: min(piece.wanted, key=lambda file: file.size) for piece in pieces if piece.wanted}

    def is_here(file: HubFile) -> bool:
        return not fresh and file.path in came_along and is_whole(file.path)

    for piece in pieces:
        came_along |= _move_on(piece)
        if piece.wanted and not is_here(first[piece.component.name]):
            yield piece, first[piece.component.name]
    for piece in pieces:
        rest = (file for file in piece.wanted if file != first[piece.component.name])
        yield from ((piece, file) for file in rest if not is_here(file))


def _move_on(piece: Piece) -> set[Path]:
    """Let the listed commit stand for the source. Returns what came along from the one before.

    Other components and models read the same repository: what did not change must not be gone for them.
    """
    source, listing = piece.component.source, piece.listing
    if listing is None:
        return set()
    earlier = cache.commit_of(source)
    came_along: set[Path] = set()
    if earlier not in (None, listing.commit):
        came_along = take_along(listing.files.values(), cache.snapshot(str(source.repo_id), str(earlier)))
    cache.note_commit(source, listing.commit, replaced=listing.replaced)
    return came_along


def check_disk(needed: int) -> None:
    """Make sure that there is room.

    Raises:
        EngineUnavailable: There is not.
    """
    free = cache.free_bytes()
    if free < needed + _DISK_MARGIN:
        sizes = f"needs {readable_size(needed)} and the disk has {readable_size(free)}"
        raise EngineUnavailable(f"This download {sizes}; make room and try again.")

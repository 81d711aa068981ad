"""Compares what the presets say of the hub with what the hub has: for whoever has a network. Fetches lists only."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import BaseModel

from pipelines.errors import NotOnTheHub
from pipelines.hub import cache
from pipelines.hub.components import Component, select
from pipelines.hub.offers import Offer
from pipelines.hub.plan import Listing, list_files, substitutions
from pipelines.hub.source import HubSource
from pipelines.hub.transfer import HubFile, Watch
from pipelines.hub.weights import inspect, readable_size, root_of

_SLACK = 0.01  # of the bytes that a preset may be off by


@dataclass(frozen=True)
class Finding:
    """What was found out about one component.

    Attributes:
        name: Of the component.
        repo_id: Its repository.
        tables: Where a preset speaks of it, such as "controlnets.canny"; none where the source code does.
        problems: What is missing or has changed, as sentences; none where all is as it should be.
        remarks: What is worth knowing and needs no mending.
        lines: What to write into these tables, as TOML.
    """

    name: str
    repo_id: str
    tables: tuple[str, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    lines: tuple[str, ...]


def verify(offer: Offer, watch: Watch) -> Iterator[Finding]:
    """Ask the hub about each repository of an offer.

    Raises:
        EngineUnavailable: The hub cannot be asked at all.
    """
    for component in offer.components:
        if component.source.repo_id:
            yield _finding(offer, component, watch)


def _finding(offer: Offer, component: Component, watch: Watch) -> Finding:
    source = component.source
    problems: list[str] = []
    remarks: list[str] = []
    lines: list[str] = []
    try:
        listing = list_files(source, component.name, watch)
    except NotOnTheHub as error:
        problems.append(error.hint)
    else:
        if listing.replaced:
            lines.append(f'revision = "{listing.commit}"')
        elif source.revision is None:
            remarks.append("It is not pinned.")
            lines.append(f'revision = "{listing.commit}"')
        problems += substitutions(component, listing)
        found, missing = select(component, set(listing.files))
        problems += [f"There is no {name}." for name in missing]
        lines += _mended_names(source, missing, listing)
        if not missing:
            if source.variant and any("weights for the" in problem for problem in problems):
                lines.append(f'# take out: variant = "{source.variant}"')
            needed = [listing.files[name] for name in found]
            total = sum(file.size for file in needed)
            if abs(total - source.bytes) > _SLACK * total:
                said = readable_size(source.bytes)
                problems.append(f"Its files have {readable_size(total)}, where the preset says {said}.")
                lines.append(f"bytes = {total}")
            problems += _changed_here(component, needed)
            remarks += _moved_on(component, listing, needed, watch)
    return Finding(
        component.name, str(source.repo_id), _tables(offer, source), tuple(problems), tuple(remarks), tuple(lines)
    )


def _mended_names(source: HubSource, missing: list[str], listing: Listing) -> Iterator[str]:
    """The name that is most like the one that is not there, for sources that name their file."""
    if not source.weight_name or not any(name.endswith(source.weight_name) for name in missing):
        return
    names = {PurePosixPath(name).name: name for name in listing.files if name.endswith(".safetensors")}
    for name in difflib.get_close_matches(source.weight_name, names, n=1):
        folder = PurePosixPath(names[name]).parent.as_posix()
        if folder != (source.subfolder or "."):
            yield f'subfolder = "{folder}"'
        yield f'weight_name = "{name}"'


def _changed_here(component: Component, needed: list[HubFile]) -> Iterator[str]:
    """By the name of the bytes in the cache, which is their hash."""
    root = root_of(component.source)
    if root is None or not inspect(component)[0]:
        return
    for file in needed:
        path = root / file.name
        if path.is_symlink() and path.exists() and cache.blob_of(path).name != file.key:
            yield f"{file.name} here is another one than on the hub; download it with --fresh to have the hub's."


def _moved_on(component: Component, listing: Listing, needed: list[HubFile], watch: Watch) -> Iterator[str]:
    source = component.source
    if source.revision is None or listing.replaced:
        return
    main = list_files(source.model_copy(update={"revision": None}), component.name, watch)
    if main.commit != listing.commit:
        same = all(main.files.get(file.name, file).key == file.key for file in needed)
        words = "with the same files" if same else "with other files"
        yield f"Its main branch has moved on, {words}: {main.commit}."


def _tables(offer: Offer, source: HubSource) -> tuple[str, ...]:
    if offer.stack is None:
        return ()
    return tuple(path for path, one in _sources(offer.stack) if _place(one) == _place(source))


def _sources(value: BaseModel, path: str = "") -> Iterator[tuple[str, HubSource]]:
    for name, field in value:
        inner = field.items() if isinstance(field, dict) else ()
        for place, one in [(f"{path}{name}", field), *((f"{path}{name}.{key}", item) for key, item in inner)]:
            if isinstance(one, HubSource):
                yield place, one
            if isinstance(one, BaseModel):
                yield from _sources(one, f"{place}.")


def _place(source: HubSource) -> tuple[str | None, ...]:
    return source.repo_id, source.revision, source.subfolder, source.variant, source.weight_name

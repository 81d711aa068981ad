"""Which weights are on this machine, complete and undamaged. Reads the disk, never the network."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from languages.saying import say
from pipelines.errors import EngineUnavailable
from pipelines.hub import cache
from pipelines.hub.components import ANNOTATOR_WEIGHTS, Component, annotator_component, has_variant, select
from pipelines.hub.source import HubSource
from pipelines.hub.stack import ModelStack
from pipelines.schema import AnnotatorName

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = "python -m pipelines.hub download"
# Translators: the end of a sentence, after a semicolon: "... is not on this machine; choose another engine."
_ELSE = say("choose another engine")  # what a visitor can do


@dataclass(frozen=True)
class StackState:
    """How much of a model stack is on this machine.

    Attributes:
        status: present; reduced (can be loaded, but parts are missing that it can do without); partial; absent.
        bytes_present: Bytes of needed files that are here, those of unfinished ones among them.
        bytes_missing: Bytes still to download, by the sizes in the preset.
        missing: Names of the components that are not complete.
        notes: What is here in place of what the preset names, as sentences for the operator.
    """

    status: Literal["present", "reduced", "partial", "absent"]
    bytes_present: int
    bytes_missing: int
    missing: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether it can be loaded."""
        return self.status in ("present", "reduced")


def resolve(source: HubSource, name: str = "model", *, stack_id: str = "") -> Path:
    """The folder on this machine that holds a source's files, as laid out in its repository. Never downloads.

    Raises:
        EngineUnavailable: It is not here. Its cure says how to get it.
    """
    root = root_of(source)
    if root is None or not root.is_dir():
        if source.path:
            raise EngineUnavailable(
                say("The {name} that ships with this project is not here; install the project again.", name=name)
            )
        size = readable_size(source.bytes)
        cure = f"Fetch it with {COMMAND} {stack_id} ({size})." if stack_id else f"Download it first ({size})."
        raise EngineUnavailable(say("The {name} is not on this machine; {advice}.", name=name, advice=_ELSE), cure=cure)
    return root


def state(stack: ModelStack) -> StackState:
    """What of a stack is on this machine. Reads the disk only."""
    found = state_of(stack.components())
    if found.status == "partial" and stack.without(frozenset(found.missing)) is not None:
        return replace(found, status="reduced")
    return found


def usable(stack: ModelStack) -> ModelStack | None:
    """The stack as far as it is here, without parts that it can do without; None where it cannot be loaded."""
    return stack.without(frozenset(state_of(stack.components()).missing))


def annotator_state(name: AnnotatorName) -> StackState:
    """What of an annotator's weights is on this machine; present for those that need none."""
    return state_of((annotator_component(name),) if name in ANNOTATOR_WEIGHTS else ())


def require(stack: ModelStack) -> None:
    """Check that all of a stack can be loaded from this machine alone; see `usable` for less than all.

    Raises:
        EngineUnavailable: Names what is missing; its cure, the size and the command that fetches it.
    """
    found = state(stack)
    if found.status == "present":
        return
    parts = _listed(found.missing)
    if all(component.source.path for component in stack.components() if component.name in found.missing):
        raise EngineUnavailable(
            say(
                "{name} is damaged here: {parts} missing or incomplete; install the project again.",
                name=stack.name,
                parts=parts,
            )
        )
    cure = f"Fetch it with {COMMAND} {stack.id} ({readable_size(found.bytes_missing)})."
    if found.status == "absent":
        raise EngineUnavailable(
            say("{name} is not on this machine; {advice}.", name=stack.name, advice=_ELSE), cure=cure
        )
    raise EngineUnavailable(
        say(
            "{name} is only partly here: {parts} missing or damaged; {advice}.",
            name=stack.name,
            parts=parts,
            advice=_ELSE,
        ),
        cure=cure,
    )


def require_annotator(name: AnnotatorName) -> Path:
    """Folder of an annotator's weights.

    Raises:
        EngineUnavailable: They are not here, or damaged. Its cure says how to get them.
    """
    if annotator_state(name).status != "present":
        source = ANNOTATOR_WEIGHTS[name]
        raise EngineUnavailable(
            say("The {name} control needs weights that are not on this machine; {advice}.", name=name, advice=_ELSE),
            cure=f"Fetch them with {COMMAND} {name} ({readable_size(source.bytes)}).",
        )
    return resolve(ANNOTATOR_WEIGHTS[name], f"{name} annotator", stack_id=name)


def licences(stack: ModelStack) -> tuple[str, ...]:
    """Licences of all weights of a stack, each once, base model first."""
    return tuple(dict.fromkeys(component.source.licence for component in stack.components()))


def download_bytes(stack: ModelStack) -> int:
    """Bytes of all files of a stack that come from the hub."""
    return sum(component.source.bytes for component in stack.components() if component.source.repo_id)


def state_of(components: tuple[Component, ...]) -> StackState:
    """As `state`, of any components."""
    present = missing_bytes = 0
    missing: list[str] = []
    unfinished: set[str] = set()
    for component in components:
        complete, here = inspect(component)
        present += here
        if not complete:
            repo_id = component.source.repo_id
            if repo_id and repo_id not in unfinished:
                unfinished.add(repo_id)
                here += cache.unfinished_bytes(repo_id)
                present += cache.unfinished_bytes(repo_id)
            missing.append(component.name)
            missing_bytes += max(0, component.source.bytes - here)
    notes = tuple(note for component in components if component.name not in missing for note in _notes(component))
    if not missing:
        return StackState("present", present, 0, (), notes)
    return StackState("partial" if present else "absent", present, missing_bytes, tuple(missing), notes)


def _notes(component: Component) -> Iterator[str]:
    source = component.source
    if cache.is_replaced(source):
        yield (
            f"The {component.name} is of the main branch of {source.repo_id}, because the hub did not have the pinned"
            " revision."
        )
    root = root_of(source)
    if source.variant and root is not None and not _is_of_variant(root, component):
        yield f"The {component.name} has plain weights, because there were none of the variant {source.variant}."


def _is_of_variant(root: Path, component: Component) -> bool:
    folders = [root / part.folder for part in component.parts if part.kind in ("model", "encoder")]
    return all(variant_in(folder, component.source.variant) for folder in folders)


def variant_in(folder: Path, variant: str | None) -> str | None:
    """The variant to load from a folder: the one that is asked for where it is there, else None, the plain weights."""
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    return variant if has_variant(names, variant) else None


def inspect(component: Component) -> tuple[bool, int]:
    """Whether a component is complete here, and the bytes of it that are."""
    root = root_of(component.source)
    if root is None or not root.is_dir():
        return False, 0
    files, missing = select(component, listing_of(root, component))
    whole = [name for name in files if is_whole(root / name)]
    return not missing and len(whole) == len(files), sum((root / name).stat().st_size for name in whole)


def root_of(source: HubSource) -> Path | None:
    """Folder of a source; None where nothing of its revision was ever downloaded."""
    if source.path:
        return PROJECT / source.path
    commit = cache.commit_of(source)
    return cache.snapshot(str(source.repo_id), commit) if commit else None


def listing_of(root: Path, component: Component) -> set[str]:
    folders = {root / part.folder for part in component.parts}
    return {
        path.relative_to(root).as_posix()
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if path.is_file()
    }


def is_whole(path: Path) -> bool:
    """Whether a file is complete: safetensors by the sizes in their header, JSON by its syntax, others if not empty."""
    try:
        now = path.stat()
        return _read_whole(path, now.st_size, now.st_mtime_ns, now.st_ino)
    except OSError:
        return False


@functools.lru_cache(maxsize=4096)
def _read_whole(path: Path, size: int, _mtime_ns: int, _inode: int) -> bool:
    """Read once as long as the file is the same one: pages ask for all of them at every choice."""
    try:
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))
            return True
        if path.suffix != ".safetensors":
            return size > 0
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size - 8, 100_000_000):
                return False
            header = json.loads(file.read(length))
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        return size == 8 + length + max(ends, default=0)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def readable_size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"

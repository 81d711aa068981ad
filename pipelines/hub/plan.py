"""What a download would fetch: the hub is asked for its lists of files, and nothing is written yet.

A pinned revision that is not there gives way to the main branch, a variant that is not there to the plain weights, and
a part that a stack can do without (one of several ControlNets) is left out; each is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from pipelines import heavy
from pipelines.errors import EngineUnavailable, NotOnTheHub, PortraitError
from pipelines.hub.components import Component, has_variant, select
from pipelines.hub.source import HubSource
from pipelines.hub.transfer import HubFile, Watch, patiently, status_of
from pipelines.hub.weights import inspect, is_whole

_UNKNOWN = -1
_TRIES = 3  # somebody waits for the answer

CanDoWithout = Callable[[frozenset[str]], bool]


class Listing(NamedTuple):
    """What the hub has of a repository.

    Attributes:
        commit: Whose files these are.
        files: By name.
        replaced: They are those of the main branch, because the hub does not have the revision that was asked for.
    """

    commit: str
    files: dict[str, HubFile]
    replaced: bool


@dataclass(frozen=True)
class Piece:
    """What is fetched of one component.

    Attributes:
        component: Which.
        listing: What the hub has; None where the component is complete here, so that nobody asked.
        files: All that it needs.
        wanted: Those that are to be fetched.
    """

    component: Component
    listing: Listing | None = None
    files: tuple[HubFile, ...] = ()
    wanted: tuple[HubFile, ...] = ()

    @property
    def total(self) -> int:
        """Bytes of the whole component; of one that is complete, as many as it has here."""
        return sum(file.size for file in _each_once(self.files)) if self.listing else inspect(self.component)[1]

    @property
    def missing(self) -> int:
        """Bytes that are still to come."""
        return sum(file.size - file.bytes_here for file in _each_once(self.wanted))


def _each_once(files: tuple[HubFile, ...]) -> Iterable[HubFile]:
    """Of files with the same bytes, which are fetched once, the first."""
    return {file.key: file for file in reversed(files)}.values()


@dataclass(frozen=True)
class Plan:
    """A whole download.

    Attributes:
        pieces: By component, in their order.
        left_out: Names of components that the hub does not give, and why, as sentences.
        notes: What is taken in place of what, as sentences.
        fresh: What is here is fetched again.
    """

    pieces: tuple[Piece, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    fresh: bool = False

    @property
    def missing(self) -> int:
        """Bytes that are still to come."""
        return sum(piece.missing for piece in self.pieces)


def make_plan(
    components: tuple[Component, ...], can_do_without: CanDoWithout, watch: Watch, *, fresh: bool = False
) -> Plan:
    """Look at what is here, and ask the hub about the rest.

    Args:
        components: What is wanted.
        can_do_without: Whether the others are of use without the components of these names.
        watch: Waits where the hub asks for it.
        fresh: Fetch what is here, too.

    Raises:
        Cancelled: The watch said so.
        EngineUnavailable: No network, or something that is needed is not on the hub, as a sentence.
    """
    listings: dict[tuple[str | None, str | None], Listing] = {}
    pieces: list[Piece] = []
    left_out: dict[str, str] = {}
    notes: list[str] = []
    for component in components:
        source = component.source
        if inspect(component)[0] and not (fresh and source.repo_id):
            pieces.append(Piece(component))
            continue
        if source.path:
            raise EngineUnavailable(f"The {component.name} ships with this project and is not here; install it again.")
        try:
            key = source.repo_id, source.revision
            if key not in listings:
                listings[key] = list_files(source, component.name, watch)
            pieces.append(_piece(component, listings[key], fresh, watch))
        except NotOnTheHub as error:
            if not can_do_without(frozenset({*left_out, component.name})):
                raise
            left_out[component.name] = error.hint
            continue
        notes += substitutions(component, listings[key])
    return Plan(tuple(pieces), tuple(left_out.items()), tuple(notes), fresh)


def list_files(source: HubSource, name: str, watch: Watch) -> Listing:
    """Ask the hub what a repository has, at the source's revision or else on the main branch.

    Args:
        source: Which repository and revision.
        name: Of the component, for sentences.
        watch: Waits where the hub asks for it.

    Raises:
        EngineUnavailable: It cannot be asked, or does not have or give the repository.
    """
    revisions = (source.revision, None) if source.revision else (None,)
    for number, revision in enumerate(revisions):
        try:
            return patiently(partial(_ask, source, revision, replaced=number > 0), watch, most=_TRIES)
        except Exception as error:
            if type(error).__name__ != "RevisionNotFoundError" or revision is None:
                with hub_errors(name):
                    raise
    raise AssertionError("the main branch was asked last")


def substitutions(component: Component, listing: Listing) -> Iterator[str]:
    """What is taken in place of what the preset names, as sentences."""
    source = component.source
    if listing.replaced:
        yield (
            f"The hub has no revision {(source.revision or '')[:12]} of {source.repo_id} ({component.name}), so its"
            f" main branch is taken ({listing.commit[:12]})."
        )
    weights = [name for name in select(component, set(listing.files))[0] if name.endswith(".safetensors")]
    loads_weights = any(part.kind in ("model", "encoder") for part in component.parts)
    if source.variant and loads_weights and not all(has_variant([name], source.variant) for name in weights):
        yield f"{source.repo_id} has no {source.variant} weights for the {component.name}, so the plain ones are taken."


def _piece(component: Component, listing: Listing, fresh: bool, watch: Watch) -> Piece:
    needed, missing = select(component, set(listing.files))
    if missing:
        raise NotOnTheHub(
            f"The repository of the {component.name} does not hold what this model needs; correct the preset.",
            detail=f"{component.source.repo_id}@{listing.commit}: {', '.join(missing)}",
        )
    with hub_errors(component.name):
        files = tuple(patiently(partial(_sized, listing.files[name]), watch, most=_TRIES) for name in needed)
    return Piece(component, listing, files, tuple(file for file in files if fresh or not is_whole(file.path)))


def _ask(source: HubSource, revision: str | None, *, replaced: bool) -> Listing:
    repo_id = str(source.repo_id)
    timeout = heavy.load("huggingface_hub.constants").HF_HUB_DOWNLOAD_TIMEOUT  # by itself the library waits for ever
    api = heavy.load("huggingface_hub").HfApi()
    info = api.model_info(repo_id, revision=revision, files_metadata=True, timeout=timeout)
    files: dict[str, HubFile] = {}
    for entry in info.siblings:
        large = entry.lfs.sha256 if entry.lfs else ""
        if not Path(entry.rfilename).is_absolute() and ".." not in Path(entry.rfilename).parts:
            size = _UNKNOWN if entry.size is None else entry.size
            files[entry.rfilename] = HubFile(repo_id, info.sha, entry.rfilename, size, large, entry.blob_id or "")
    return Listing(info.sha, files, replaced)


def _sized(file: HubFile) -> HubFile:
    """The file with its size, which a mirror may not list."""
    if file.size != _UNKNOWN:
        return file
    hub = heavy.load("huggingface_hub")
    size = hub.get_hf_file_metadata(hub.hf_hub_url(file.repo_id, file.name, revision=file.commit)).size
    if size is None:
        raise EngineUnavailable(f"The hub does not say how large a file of {file.repo_id} is; ask another one.")
    return file._replace(size=size)


# --- what the hub says, in sentences ---------------------------------------------------------------------------------


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Turns what huggingface_hub raises into sentences. Details name the kind of error only, never a URL or a token."""
    try:
        yield
    except PortraitError:
        raise
    except Exception as error:
        missing = status_of(error) in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
        raise (NotOnTheHub if missing else EngineUnavailable)(
            _advice(error, what), detail=type(error).__name__
        ) from None


def _advice(error: Exception, what: str) -> str:
    errors = heavy.load("huggingface_hub.errors")
    status = status_of(error)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "Downloads are switched off here by HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE; unset it and start again."
    if isinstance(error, errors.GatedRepoError):
        return f"The {what} is behind a licence: accept it on the hub and set HF_TOKEN, then try again."
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"The repository of the {what} is not on the hub, or is private; correct the preset or set HF_TOKEN."
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return (
            f"The hub does not let this machine read the {what}; accept its licence and set HF_TOKEN, then try again."
        )
    if status == HTTPStatus.NOT_FOUND:
        return f"A file of the {what} is not on the hub any more; start the download again."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "The hub asks this machine to wait for longer than ten minutes, or again and again; go on later."
    if status is not None:
        return f"The hub answered {status} for the {what}; try again later."
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError | TimeoutError):
        return "The download could not be written; check free space and permissions of the model cache."
    return "The model hub cannot be reached from here; check the network and try again."

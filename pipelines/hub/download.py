"""Fetches what is missing of a model stack from the hub: with progress, resumable, checked. Only when asked to."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipelines import heavy
from pipelines.errors import Cancelled, EngineUnavailable, PortraitError
from pipelines.hub.components import (
    SAFETY_CHECKER,
    Component,
    annotator_component,
    select,
)
from pipelines.hub.stack import ModelStack
from pipelines.hub.weights import inspect, is_whole, readable_size, require, require_annotator, root_of
from pipelines.schema import AnnotatorName

# Plain HTTP can be counted and stopped within one chunk; the chunk store of hf_xet reports from a thread of its own.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")

log = logging.getLogger(__name__)

_DISK_MARGIN = 500_000_000


Progress = Callable[[int, int], bool]


# --- downloading -----------------------------------------------------------------------------------------------------


@dataclass
class _Tally:
    """Counts bytes over all files and asks the caller after each chunk whether to go on."""

    on_progress: Progress
    total: int
    done: int = 0
    stopped: bool = field(default=False, init=False)

    def move_to(self, done: int) -> None:
        self.done = done
        if self.stopped or not self.on_progress(min(self.done, self.total), self.total):
            self.stopped = True
            raise Cancelled("The download was stopped; start it again to go on where it was.")

    def bar(self) -> type:
        """A class that huggingface_hub takes for a tqdm bar."""
        tally = self

        class Bar:
            def __init__(self, *_: object, **__: object) -> None:
                pass

            def update(self, n: float = 1) -> None:
                tally.move_to(tally.done + int(n))

            def __enter__(self) -> Bar:
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def __getattr__(self, name: str) -> Callable[..., None]:
                if name == "update_transfer":  # counted already
                    raise AttributeError(name)
                return lambda *_, **__: None

        return Bar


def download(stack: ModelStack, on_progress: Progress, *, fresh: bool = False) -> None:
    """Fetch what is missing of a stack into the cache of huggingface_hub.

    Files that are complete are never fetched again, so a stopped download goes on with the file where it was.

    Args:
        stack: Its sources are pinned by revision where the preset says so.
        on_progress: Told (bytes done, bytes in all) after each chunk; answering False stops within one.
        fresh: Fetch files again that are here already, for a download that turned out damaged.

    Raises:
        Cancelled: on_progress answered False.
        EngineUnavailable: No network, no such repository, revision or file, or not enough disk.
    """
    _download(stack.components(), on_progress, fresh)
    require(stack)


def download_annotator(name: AnnotatorName, on_progress: Progress, *, fresh: bool = False) -> None:
    """Fetch the weights of an annotator, as `download` does those of a stack."""
    _download((annotator_component(name),), on_progress, fresh)
    require_annotator(name)


def download_checker(on_progress: Progress, *, fresh: bool = False) -> None:
    """Fetch the weights of the picture checker, as `download` does those of a stack."""
    _download((SAFETY_CHECKER,), on_progress, fresh)


def _download(parts: tuple[Component, ...], on_progress: Progress, fresh: bool) -> None:
    plan: dict[tuple[str, str, str], int] = {}
    for component in parts:
        plan.update(_files_to_fetch(component, fresh))
    total = sum(plan.values())
    _check_disk(total, Path(heavy.load("huggingface_hub.constants").HF_HUB_CACHE))
    tally = _Tally(on_progress, total)
    tally.move_to(0)
    done = 0
    for (repo_id, revision, name), size in plan.items():
        with _hub_errors(f"files of {repo_id}"):
            heavy.load("huggingface_hub").hf_hub_download(
                repo_id, name, revision=revision, tqdm_class=tally.bar(), force_download=fresh
            )
        done += size
        tally.move_to(done)  # what a retry counted twice, or another program fetched meanwhile


def _files_to_fetch(component: Component, fresh: bool) -> dict[tuple[str, str, str], int]:
    """(repository, revision, file) -> bytes of what is missing of a component, after a look at its repository."""
    source = component.source
    if inspect(component)[0] and not (fresh and source.repo_id):
        return {}
    if source.path:
        raise EngineUnavailable(f"The {component.name} ships with this project and is not here; install it again.")
    repo_id, revision = str(source.repo_id), source.revision or "main"
    with _hub_errors(component.name):
        info = heavy.load("huggingface_hub").HfApi().model_info(repo_id, revision=revision, files_metadata=True)
    sizes = {entry.rfilename: entry.size or 0 for entry in info.siblings}
    files, missing = select(component, set(sizes))
    if missing:
        raise EngineUnavailable(
            f"The repository of the {component.name} does not hold what this model needs; correct the preset.",
            detail=f"{repo_id}@{revision}: {', '.join(missing)}",
        )
    root = root_of(source)
    for name in files:  # a damaged file is fetched again
        if root and (root / name).exists() and not is_whole(root / name):
            (root / name).resolve().unlink()
            (root / name).unlink(missing_ok=True)
    wanted = [name for name in files if fresh or root is None or not (root / name).exists()]
    return {(repo_id, revision, name): sizes[name] for name in wanted}


def _check_disk(needed: int, folder: Path) -> None:
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed + _DISK_MARGIN:
        sizes = f"needs {readable_size(needed)} and the disk has {readable_size(free)}"
        raise EngineUnavailable(f"This download {sizes}; make room and try again.")


@contextlib.contextmanager
def _hub_errors(what: str) -> Iterator[None]:
    """Turns what huggingface_hub raises into sentences. Details name the kind of error only, never a URL or a token."""
    try:
        yield
    except PortraitError:
        raise
    except Exception as error:
        raise EngineUnavailable(_advice(error, what), detail=type(error).__name__) from None


def _advice(error: Exception, what: str) -> str:
    errors = heavy.load("huggingface_hub.errors")
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "Downloads are switched off here by HF_HUB_OFFLINE; unset it and try again."
    if isinstance(error, errors.GatedRepoError):
        return f"The {what} is behind a licence: accept it on the hub and set HF_TOKEN, then try again."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"The pinned revision of the {what} is not on the hub; correct the preset."
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"The repository of the {what} is not on the hub, or is private; correct the preset or set HF_TOKEN."
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return (
            f"The hub does not let this machine read the {what}; accept its licence and set HF_TOKEN, then try again."
        )
    if status is not None:
        return f"The hub answered {status} for the {what}; try again later."
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError | TimeoutError):
        return "The download could not be written; check free space and permissions of the model cache."
    return "The model hub cannot be reached from here; check the network and try again."


# --- models that annotators use --------------------------------------------------------------------------------------


# --- command ---------------------------------------------------------------------------------------------------------

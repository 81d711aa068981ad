"""Model stacks from the hub: what each needs, what is here, and how to get the rest.

Weights come from a repository on the hub or from a folder shipped with the project; both are asked for with `resolve`.
Nothing here is downloaded unless somebody calls `download` or runs the command:

    python -m pipelines.hub list                 what there is, its size and licence, and what is complete here
    python -m pipelines.hub download sd15-lcm    fetch what is missing; stop it and start it again as you like
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines import heavy
from pipelines.components import (
    ANNOTATOR_WEIGHTS,
    SAFETY_CHECKER,
    SAFETY_CHECKER_ID,
    Component,
    annotator_component,
    components,
    select,
)
from pipelines.errors import Cancelled, EngineUnavailable, PortraitError, RequestInvalid
from pipelines.model_stack import ModelStack
from pipelines.presets import load_presets
from pipelines.schema import AnnotatorName
from pipelines.weights import (
    inspect,
    is_whole,
    licences,
    readable_size,
    require,
    require_annotator,
    root_of,
    state,
)

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
    _download(components(stack), on_progress, fresh)
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

_annotator_models: dict[str, Any] = {}


def estimate_depth(rgb: Image.Image) -> np.ndarray:
    """Relative inverse depth by Depth Anything V2 Small (Yang et al. 2024, arXiv:2406.09414).

    Returns:
        (H, W) float32, larger is nearer, in no unit.

    Raises:
        EngineUnavailable: Its weights are not on this machine.
    """
    folder = require_annotator("depth")
    torch, transformers = heavy.load("torch"), heavy.load("transformers")
    if "depth" not in _annotator_models:
        _annotator_models["depth"] = (
            transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True),
            transformers.AutoModelForDepthEstimation.from_pretrained(folder, local_files_only=True).eval(),
        )
    processor, model = _annotator_models["depth"]
    with torch.inference_mode():
        depth = model(**processor(images=rgb, return_tensors="pt")).predicted_depth[:, None]
        depth = torch.nn.functional.interpolate(depth, rgb.size[::-1], mode="bicubic", align_corners=False)
    return depth[0, 0].float().numpy()


# --- command ---------------------------------------------------------------------------------------------------------


def _stack_lines(stack: ModelStack) -> Iterator[str]:
    found = state(stack)
    size = {"present": "complete", "partial": f"partly here, {readable_size(found.bytes_missing)} missing"}.get(
        found.status, f"not here, {readable_size(found.bytes_missing)} to download"
    )
    yield f"{stack.id}: {stack.name}"
    yield f"  {stack.summary}"
    yield f"  {size}; {'needs a GPU' if stack.needs_gpu else 'runs without a GPU'}; {', '.join(licences(stack))}"


def _checker_lines() -> Iterator[str]:
    source = SAFETY_CHECKER.source
    size = "complete" if inspect(SAFETY_CHECKER)[0] else f"not here, {readable_size(source.bytes)} to download"
    yield f"{SAFETY_CHECKER_ID}: picture checker"
    yield "  Looks at every portrait before it is shown, and holds back nudity."
    yield f"  {size}; runs without a GPU; {source.licence}"


def _print_progress(done: int, total: int) -> bool:
    share = 100 * done / total if total else 100
    print(f"\r{share:5.1f} %  {readable_size(done)} of {readable_size(total)} ", end="", file=sys.stderr, flush=True)
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0, 1 after an error that is told in one sentence, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.hub", description="Model stacks on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what there is, its size and licence, and what is complete here")
    get = commands.add_parser("download", help="fetch what is missing of a stack, an annotator or the safety checker")
    get.add_argument("id")
    get.add_argument("--fresh", action="store_true", help="fetch everything again")
    options = parser.parse_args(arguments)
    try:
        models = load_presets().models
        if options.command == "list":
            for stack in models.values():
                print("\n".join(_stack_lines(stack)))
            print("\n".join(_checker_lines()))
        else:
            _download_by_id(options.id, models, fresh=options.fresh)
    except (KeyboardInterrupt, Cancelled):
        print("\nStopped; the same command goes on where it was.", file=sys.stderr)
        return 130
    except PortraitError as error:
        print(f"\n{error.hint}", file=sys.stderr)
        return 1
    return 0


def _download_by_id(wanted: str, models: dict[str, ModelStack], *, fresh: bool) -> None:
    if wanted in models:
        download(models[wanted], _print_progress, fresh=fresh)
    elif wanted in ANNOTATOR_WEIGHTS:
        download_annotator(next(name for name in ANNOTATOR_WEIGHTS if name == wanted), _print_progress, fresh=fresh)
    elif wanted == SAFETY_CHECKER_ID:
        download_checker(_print_progress, fresh=fresh)
    else:
        known = [*models, *ANNOTATOR_WEIGHTS, SAFETY_CHECKER_ID]
        raise RequestInvalid(f"There is no such model; choose one of: {', '.join(known)}.")
    print("\ncomplete", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())

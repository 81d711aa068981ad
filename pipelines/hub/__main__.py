"""Model stacks on this machine, and the command that fetches them.

python -m pipelines.hub list                 what there is, its size and licence, and what is complete here
python -m pipelines.hub download sd15-lcm    fetch what is missing; stop it and start it again as you like
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from pipelines.errors import Cancelled, PortraitError, RequestInvalid
from pipelines.hub.components import ANNOTATOR_WEIGHTS, SAFETY_CHECKER, SAFETY_CHECKER_ID
from pipelines.hub.download import download, download_annotator, download_checker
from pipelines.hub.stack import ModelStack
from pipelines.hub.weights import inspect, licences, readable_size, state
from pipelines.presets.loading import all_presets


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
        models = all_presets().models
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
        print(f"\n{error.told}", file=sys.stderr)
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

"""Model stacks on this machine, and the command that fetches them.

python -m pipelines.hub list                 what there is, its size and licence, and what is complete here
python -m pipelines.hub download sd15-lcm    fetch what is missing; stop it and start it again as you like
python -m pipelines.hub delete sd15-lcm      delete what nothing else here needs
python -m pipelines.hub verify               ask the hub whether it has what the presets name, and what to mend
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from pipelines.errors import Cancelled, PortraitError, RequestInvalid
from pipelines.hub import removing
from pipelines.hub.components import ANNOTATOR_WEIGHTS, SAFETY_CHECKER_ID
from pipelines.hub.download import Tally, download, download_annotator, download_checker
from pipelines.hub.offers import Offer, offers
from pipelines.hub.stack import ModelStack
from pipelines.hub.verifying import Finding, verify
from pipelines.hub.weights import readable_size
from pipelines.presets.loading import all_presets

_PRINT_SECONDS = 0.1


def _offer_lines(offer: Offer) -> Iterator[str]:
    found = offer.state()
    missing = readable_size(found.bytes_missing)
    size = {
        "present": "complete",
        "reduced": f"usable, {missing} missing: {', '.join(found.missing)}",
        "partial": f"partly here, {missing} missing",
    }.get(found.status, f"not here, {missing} to download")
    gpu = "needs a GPU" if offer.stack is not None and offer.stack.needs_gpu else "runs without a GPU"
    yield f"{offer.id}: {offer.name}"
    yield f"  {offer.summary}"
    yield f"  {size}; {gpu}; {', '.join(dict.fromkeys(part.source.licence for part in offer.components))}"
    for note in found.notes:
        yield f"  {note}"


class _Printer:
    """Prints how far a download is, some times a second."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, done: int, total: int) -> bool:
        now = time.monotonic()
        if now >= self._next or done >= total:
            self._next = now + _PRINT_SECONDS
            share = 100 * done / total if total else 100
            words = f"\r{share:5.1f} %  {readable_size(done)} of {readable_size(total)} "
            print(words, end="", file=sys.stderr, flush=True)
        return True


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        0; 1 after an error that is told in one sentence, or where `verify` found something to mend; 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog="python -m pipelines.hub", description="Model stacks on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what there is, its size and licence, and what is complete here")
    get = commands.add_parser("download", help="fetch what is missing of a stack, an annotator or the safety checker")
    get.add_argument("id")
    get.add_argument("--fresh", action="store_true", help="fetch everything again")
    commands.add_parser("delete", help="delete the files that nothing else here needs").add_argument("id")
    check = commands.add_parser("verify", help="ask the hub whether it has what the presets name; fetches lists only")
    check.add_argument("id", nargs="?", help="one of `list`; left out, all")
    options = parser.parse_args(arguments)
    try:
        return _run(options, all_presets().models)
    except (KeyboardInterrupt, Cancelled):
        print("\nStopped; the same command goes on where it was.", file=sys.stderr)
        return 130
    except PortraitError as error:
        print(f"\n{error.told}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, models: dict[str, ModelStack]) -> int:
    known = offers(models)
    if options.command != "list" and options.id is not None and options.id not in known:
        raise RequestInvalid(f"There is no such model; choose one of: {', '.join(known)}.")
    if options.command == "list":
        for offer in known.values():
            if not offer.is_part:
                print("\n".join(_offer_lines(offer)))
    elif options.command == "download":
        _download(options.id, models, fresh=options.fresh)
    elif options.command == "delete":
        freed = removing.remove(known[options.id], known.values())
        print(f"{readable_size(freed)} are free now." if freed else "Nothing of it alone was here.")
    else:
        return _verify([known[options.id]] if options.id else list(known.values()))
    return 0


def _download(wanted: str, models: dict[str, ModelStack], *, fresh: bool) -> None:
    if wanted in models:
        said = download(models[wanted], _Printer(), fresh=fresh)
    elif wanted == SAFETY_CHECKER_ID:
        said = download_checker(_Printer(), fresh=fresh)
    else:
        said = download_annotator(next(name for name in ANNOTATOR_WEIGHTS if name == wanted), _Printer(), fresh=fresh)
    print("".join(f"\n{sentence}" for sentence in said), file=sys.stderr)
    print("complete, but for what is named above" if said else "complete", file=sys.stderr)


def _verify(wanted: list[Offer]) -> int:
    has_problems = False
    for offer in wanted:
        found = list(verify(offer, Tally(lambda done, total: True)))
        if found:
            print(f"{offer.id}: {'as it should be' if not any(one.problems for one in found) else 'to be mended'}")
        for one in found:
            print("".join(f"  {line}\n" for line in _finding_lines(one)), end="")
        has_problems |= any(one.problems for one in found)
    return int(has_problems)


def _finding_lines(finding: Finding) -> Iterator[str]:
    if not (finding.problems or finding.remarks):
        return
    yield f"{finding.name}, {finding.repo_id}"
    yield from (f"  {sentence}" for sentence in (*finding.problems, *finding.remarks))
    if finding.lines:
        yield from (f"  [{table}]" for table in finding.tables or ("in pipelines/hub/components.py",))
        yield from (f"  {line}" for line in finding.lines)


if __name__ == "__main__":
    raise SystemExit(main())

"""Commands of a study.

python -m study check likeness            read the file and say what a participant will see
python -m study freeze likeness           write the lock: from now on the file cannot change but as a new version
python -m study codes likeness 20         make codes of your own, for a study with codes = "listed"
python -m study verify likeness CODE ...  whether completion codes are genuine and their rows unchanged
python -m study researcher anna           make an account for the pages at /research
python -m study export likeness --out X   the data as a Psych-DS folder; --exclude leaves out excluded people
python -m study report likeness --out X   report and ethics report, Markdown and PDF
python -m study simulate likeness -n 50   let simulated people take part, over HTTP, kept apart from others
"""

from __future__ import annotations

import argparse
import re
import secrets
import sys
from collections.abc import Sequence

from pipelines.errors import PortraitError
from pipelines.settings import Settings
from study import commands as for_researchers
from study.opening import open_store
from study.plan.definition import StudyPlan, said
from study.plan.freezing import freeze, load_plan, study_file
from study.plan.schedule import rows_of, schedule

_MOST_CODES = 10_000
_EXAMPLE = re.compile(r"[@.]example(\.\w+)?\b|\.example\b")  # the names that belong to nobody (RFC 2606)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 and a sentence on stderr where it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m study", description="Commands of a user study.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in (
        ("check", "read a study's file"),
        ("freeze", "write its lock"),
        ("codes", "make codes to hand out"),
        ("verify", "check completion codes"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("study", help="its id in presets/studies, or the path of its file")
        if name == "codes":
            command.add_argument("count", type=int, help="how many")
        if name == "verify":
            command.add_argument("codes", nargs="+", metavar="code")
    for_researchers.add(commands)
    options = parser.parse_args(arguments)
    try:
        if "run" in options:
            options.run(options)
            return 0
        path = study_file(options.study)
        plan = load_plan(path)
        if options.command == "check":
            print(f"{_described(plan)}{_left_to_write(plan)}")
        elif options.command == "freeze":
            lock = freeze(path, Settings.read().presets)
            print(f"{plan.id}, version {lock.version}, is frozen: {lock.sha256}{_left_to_write(plan)}")
        elif options.command == "codes":
            _make_codes(plan, options.count)
        else:
            return _verify(options.codes)
    except PortraitError as error:
        print(error.told, file=sys.stderr)
        return 1
    return 0


def _described(plan: StudyPlan) -> str:
    row = 0 if rows_of(plan) else None
    trials = {task: len(schedule(plan, "", "", row).of(task)) for task in plan.tasks}
    screens = ", ".join(f"{count} of {task}" for task, count in trials.items() if count)
    rows = f"{rows_of(plan)} rows of a Williams design" if rows_of(plan) else "a shuffled order for each participant"
    return (
        f"{plan.id}, version {plan.version}: {len(plan.conditions)} conditions in {rows}; screens with a question:"
        f" {screens}. Kept until {plan.retention}. Languages: {', '.join(plan.languages)}."
    )


def _left_to_write(plan: StudyPlan) -> str:
    """What whoever runs the study has not written into its file yet, each on a line; it may be frozen all the same."""
    found = []
    if any(_EXAMPLE.search(said(plan.contact, language)) for language in plan.languages):
        found.append("Its contact is an example's; participants who have questions reach nobody.")
    if not plan.recruiting.returns:
        found.append("It has no links back: at the end participants keep their code, and are sent nowhere.")
    return "".join(f"\n{one}" for one in found)


def _make_codes(plan: StudyPlan, count: int) -> None:
    if not 1 <= count <= _MOST_CODES:
        raise SystemExit(f"Ask for 1 to {_MOST_CODES} codes.")
    codes = [secrets.token_hex(6) for _ in range(count)]
    open_store(Settings.read()).add_codes(plan.id, codes)
    print("\n".join(codes))


def _verify(codes: Sequence[str]) -> int:
    store, wrong = open_store(Settings.read()), 0
    for code in codes:
        found = store.verify(code)
        words = (
            "unknown: made up, or its owner withdrew" if found is None else "genuine" if found[1] else "rows changed"
        )
        wrong += found is None or not found[1]
        print(f"{code}\t{words}\t{found[0] if found else ''}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

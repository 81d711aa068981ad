"""Commands of a study for researchers: accounts, exports, reports, simulated people."""

from __future__ import annotations

import argparse
import getpass
import statistics
import sys
import time
from pathlib import Path

from pipelines.errors import SettingsError, StudyError
from pipelines.settings import Settings
from study.analysis.results import analyse
from study.dataset import Dataset
from study.export.dataset import export
from study.opening import open_store
from study.plan.freezing import load_frozen, study_file
from study.report.writing import write_report
from study.researchers import SETTING, entry
from study.simulation.over_http import simulate
from study.store.reading import known_studies, load_dataset

KINDS = ("participant", "simulated", "preview")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The commands' words; each sets `run`, which takes the options."""
    researcher = commands.add_parser("researcher", help="make an account for the pages at /research")
    researcher.add_argument("name", help="letters, digits and . _ @ -")
    researcher.set_defaults(run=_researcher)
    for name, words, run in (
        ("export", "write the data as a Psych-DS folder", _export),
        ("report", "write report and ethics report", _report),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("study", help="its id")
        command.add_argument("--out", type=Path, required=True, help="the folder")
        command.add_argument("--kind", choices=KINDS, default="participant", help="whose data")
        command.add_argument("--version", help="of the study; left out, the newest")
        if name == "export":
            command.add_argument("--exclude", action="store_true", help="leave out whom the study's rules exclude")
        command.set_defaults(run=run)
    command = commands.add_parser("simulate", help="let simulated people take part, over HTTP")
    command.add_argument("study", help="its id in presets/studies, or the path of its file")
    command.add_argument("-n", type=int, default=10, help="how many (10)")
    command.add_argument("--at-once", type=int, default=1, help="how many at the same time (1)")
    command.add_argument("--url", default="http://127.0.0.1:7860", help="of the studio, which runs on this machine")
    command.set_defaults(run=_simulate)


def _researcher(options: argparse.Namespace) -> None:
    if sys.stdin.isatty():
        password = getpass.getpass(f"A password for {options.name}: ")
        if getpass.getpass("Once more: ") != password:
            raise SettingsError("The two are not the same; try again.")
    else:
        password = sys.stdin.readline().rstrip("\n")
    made = entry(options.name, password)
    print(
        f"Add this to the setting {SETTING}, with a space between entries, and start the studio again:", file=sys.stderr
    )
    print(made)


def _export(options: argparse.Namespace) -> None:
    paths = export(_data(options), options.out, exclude=options.exclude)
    print(f"{len(paths)} files are in {options.out}; they keep the rules of Psych-DS.")


def _report(options: argparse.Namespace) -> None:
    paths = write_report(analyse(_data(options)), options.out)
    print(f"{len(paths)} files are in {options.out}: report.pdf, report.md, ethics.pdf, ethics.md and the figures.")


def _simulate(options: argparse.Namespace) -> None:
    if not 1 <= options.n <= 1000:
        raise StudyError("Simulate 1 to 1000 people.")
    if not 1 <= options.at_once <= 200:
        raise StudyError("At once there can be 1 to 200 people.")
    settings = Settings.read()
    frozen, store = load_frozen(study_file(options.study), settings.presets), open_store(settings)
    begun = time.monotonic()

    def told(done: int) -> None:
        print(f"{done} of {options.n} after {time.monotonic() - begun:.0f} s", end="\r", file=sys.stderr, flush=True)

    took = simulate(options.url, frozen, store, options.n, at_once=options.at_once, told=told)
    print(
        f"{len(took)} simulated people have taken part in {time.monotonic() - begun:.0f} s; each took"
        f" {statistics.median(took):.0f} s (median), {took[-1]:.0f} s at most. See them with --kind simulated."
    )
    if rows := store.held_rows(frozen, "simulated"):
        done = ", ".join(str(count) for count, _ in rows)
        print(f"Completed without failing attention checks, by row of the Williams design: {done}.")


def _data(options: argparse.Namespace) -> Dataset:
    store = open_store(Settings.read())
    of_study = [one for one in known_studies(store.database) if one.id == options.study]
    versions = [one for one in of_study if options.version in (None, one.version)]
    if not versions:
        known = ", ".join(one.version for one in of_study)
        found = f"; there are the versions {known}" if known else ""
        raise StudyError(f"No such study has run here{found}. Give its id, and the settings of the studio.")
    return load_dataset(store.database, versions[0].sha256, options.kind)

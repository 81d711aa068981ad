"""What researchers' pages show: datasets and analyses, kept as long as the data stay the same; blind until revealed."""

from __future__ import annotations

import io
import tempfile
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import SaveError, StudyError
from study.analysis.blinding import blinded
from study.analysis.results import Results, analyse
from study.analysis.settings import read_settings
from study.dataset import Dataset
from study.export.dataset import export
from study.identity import PersonKind
from study.report import figures
from study.report.content import drawings
from study.report.writing import ethics_files, write_report
from study.store.reading import KnownStudy, known_studies, load_dataset
from study.store.store import StudyStore

KINDS: tuple[PersonKind, ...] = ("participant", "simulated", "preview")
_DRAWS = 400  # of the bootstrap on a page; reports take as many as the analysis plan says
_KEPT = 6
_BLIND = (
    "This study is blind: conditions have letters, and data and report are handed out once it is revealed. Reveal it"
    " when the collection is over."
)


@dataclass
class _Done:
    fingerprint: int
    results: Results
    figures: dict[figures.Theme, dict[str, bytes]] = field(default_factory=dict)


class Desk:
    """Safe for many threads; one analysis at a time.

    Args:
        store: Of all studies.
        folder: Where it is noted which studies were revealed.
    """

    def __init__(self, store: StudyStore, folder: Path) -> None:
        self.store = store
        self._folder = folder
        self._done: dict[tuple[str, PersonKind, bool], _Done] = {}
        self._lock = threading.Lock()

    def studies(self) -> tuple[KnownStudy, ...]:
        """Every version that ever ran here, newest first."""
        return known_studies(self.store.database)

    def study(self, sha256: str) -> KnownStudy:
        """One of them.

        Raises:
            StudyError: There is none.
        """
        for one in self.studies():
            if one.sha256 == sha256:
                return one
        raise StudyError("There is no such version of a study here.")

    def data(self, sha256: str, kind: PersonKind) -> Dataset:
        """With the conditions' own names."""
        return load_dataset(self.store.database, sha256, kind)

    def is_blind(self, data: Dataset) -> bool:
        """Whether the plan wants it and nobody has revealed it. Simulated data give nothing away."""
        wanted = read_settings(data.plan, data.analysis_text).blind
        return wanted and data.kind != "simulated" and not self._mark(data.sha256).exists()

    def reveal(self, sha256: str, name: str) -> None:
        """Show from now on which condition is which; it is noted who did.

        Raises:
            SaveError: It cannot be noted.
        """
        try:
            self._mark(sha256).write_text(f"{name}\n", "utf-8")
        except OSError as error:
            raise SaveError("It could not be noted that the study is revealed, so it is not.") from error

    def shown(self, data: Dataset) -> Dataset:
        """As a researcher may see it now."""
        if not self.is_blind(data):
            return data
        return blinded(data, read_settings(data.plan, data.analysis_text))[0]

    def results(self, data: Dataset) -> Results:
        """The analysis of a dataset, blind where it must be; computed anew where the data have changed."""
        return self._analysed(data).results

    def _analysed(self, data: Dataset) -> _Done:
        blind = self.is_blind(data)
        key = data.sha256, data.kind, blind
        fingerprint = _fingerprint(data)
        with self._lock:
            done = self._done.get(key)
            if done is None or done.fingerprint != fingerprint:
                settings = read_settings(data.plan, data.analysis_text)
                if blind:
                    data, settings = blinded(data, settings)
                draws = min(_DRAWS, settings.draws)
                done = _Done(fingerprint, analyse(data, settings=settings, draws=draws))
                self._done[key] = done
                while len(self._done) > _KEPT:
                    del self._done[next(iter(self._done))]
            return done

    def figure(self, data: Dataset, name: str, theme: figures.Theme) -> bytes | None:
        """One figure as SVG; None where there is none of that name."""
        done = self._analysed(data)
        with self._lock:
            if theme not in done.figures:
                done.figures[theme] = {one.name: figures.svg(one) for one in drawings(done.results, theme)}
            return done.figures[theme].get(name)

    def report_archive(self, data: Dataset) -> bytes:
        """Report, ethics report and figures, zipped.

        Raises:
            StudyError: The study is blind.
        """
        self._refuse_blind(data)
        with self._lock, tempfile.TemporaryDirectory(dir=self._folder, prefix=".report-") as folder:
            write_report(analyse(data), Path(folder))
            return _zipped(Path(folder))

    def export_archive(self, data: Dataset, *, exclude: bool) -> bytes:
        """The Psych-DS folder, zipped.

        Raises:
            StudyError: The study is blind.
        """
        self._refuse_blind(data)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".export-") as folder:
            export(data, Path(folder), exclude=exclude)
            return _zipped(Path(folder))

    def ethics_archive(self, data: Dataset) -> bytes:
        """The ethics report, zipped; it says nothing of conditions."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in ethics_files(data).items():
                archive.writestr(name, content)
        return out.getvalue()

    def _refuse_blind(self, data: Dataset) -> None:
        if self.is_blind(data):
            raise StudyError(_BLIND)

    def _mark(self, sha256: str) -> Path:
        return self._folder / f"revealed-{sha256}"


def _zipped(folder: Path) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return out.getvalue()


def _fingerprint(data: Dataset) -> int:
    sizes = [len(part) for part in (data.ratings, data.choices, data.checks, data.replies, data.portraits)]
    return hash((data.people, data.departures, tuple(sizes)))

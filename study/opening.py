"""The studies that the operator's settings open: checked, frozen, with their store."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import SettingsError, StudyError
from pipelines.settings import Settings
from study.identity import Identity
from study.participation import RunningStudy
from study.plan.freezing import check_presets, load_frozen, study_file
from study.store.database import Database, sqlite_url
from study.store.store import StudyStore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Studies:
    """All studies that are open here, by id, on one store."""

    store: StudyStore
    running: dict[str, RunningStudy]

    def sweep(self) -> None:
        """What time does; a store that is away is tried again."""
        try:
            self.store.sweep([one.frozen for one in self.running.values()])
        except StudyError as error:
            log.error("the studies could not be tidied up: %s", error.hint)


def studies_folder(settings: Settings) -> Path:
    """Where studies keep key, database and portraits."""
    if settings.studies_folder is not None:
        return settings.studies_folder
    home = Path(settings.xdg_data_home) if settings.xdg_data_home else Path.home() / ".local" / "share"
    return home / "self-portrait-studio" / "studies"


def open_store(settings: Settings) -> StudyStore:
    """The operator's store, brought up to date.

    Raises:
        SettingsError, StudyError: It cannot be used; the hint says why.
    """
    folder = studies_folder(settings)
    identity = Identity.of_folder(folder)
    return StudyStore(Database(settings.study_database_url or sqlite_url(folder)), folder, identity)


def open_studies(
    settings: Settings,
    *,
    styles: Collection[str],
    scenes: Collection[str],
    engines: Collection[str],
    authority: str = "",
) -> Studies | None:
    """The studies of STUDIO_STUDIES; None where it names none.

    Args:
        styles, scenes, engines: Ids that exist here; of the engines, those that can run.
        authority: The host that is asked for time stamps, for the consent.

    Raises:
        SettingsError: A setting is wrong.
        StudyError: A study's file is wrong, or not frozen, or has changed since; or the store cannot be used.
    """
    names = [name for one in settings.studies.split(",") if (name := one.strip())]
    if not names:
        return None
    frozen = [load_frozen(study_file(name), settings.presets) for name in names]
    for one in frozen:
        check_presets(one.plan, styles=styles, scenes=scenes, engines=engines, text=one.text)
    ids = [one.id for one in frozen]
    if len(set(ids)) < len(ids):
        raise SettingsError("The setting STUDIO_STUDIES names a study twice; remove one.")
    store = open_store(settings)
    return Studies(store, {one.id: RunningStudy(one, store, authority) for one in frozen})

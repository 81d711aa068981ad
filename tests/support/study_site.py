"""A running app in which studies are open."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.support.site import TOY_APP, Site
from tests.support.studies import SMALL_STUDY, write_study


class StudySite(Site):
    """The app with the small study open, and others by their names."""

    def __init__(self, root: Path, **others: str) -> None:
        self.frozen = write_study(root / "studies", SMALL_STUDY)
        for name, text in others.items():
            write_study(root / "studies", text, name)
        self.kept = root / "kept"
        files = ",".join(str(root / "studies" / f"{name}.toml") for name in ("small", *others))
        super().__init__(root, TOY_APP, STUDIO_STUDIES=files, STUDIO_STUDIES_FOLDER=str(self.kept))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.kept / "studies.sqlite3") as database:
            return database.execute(query).fetchall()

"""Somebody who takes part in the small study by way of its HTTP calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

import app
from pipelines import live_pictures
from pipelines.engines.filters.engine import FilterEngine
from tests.support.site import TOY_PREVIEW, TOY_SIZE
from visits.folder import PrivateFolder
from visits.studio import Studio
from web.shield import Shield
from web.study_routes import TAB_HEADER, build_study_routes


@contextmanager
def a_studio(root: Path, study_file: Path) -> Iterator[Studio]:
    """A studio that makes small portraits, with one study open; everything lies below `root`."""
    with pytest.MonkeyPatch.context() as patch:
        folder = PrivateFolder(root)
        patch.setenv("GRADIO_TEMP_DIR", str(folder.path))
        patch.setenv("STUDIO_STUDIES_FOLDER", str(root / "kept"))
        patch.setenv("STUDIO_STUDIES", str(study_file))
        patch.delenv("STUDY_DATABASE_URL", raising=False)
        patch.setattr(FilterEngine, "size", TOY_SIZE)
        patch.setattr(live_pictures, "PREVIEW_SIZE", TOY_PREVIEW)
        studio = app.build_studio(folder)
        yield studio
        assert studio.studies is not None
        studio.studies.store.database.close()
        studio.pipeline.close()
        folder.remove()


class Person:
    """Somebody at the page of the small study."""

    def __init__(self, studio: Studio, code: str, tab: str = "a" * 32) -> None:
        routes = build_study_routes(studio)
        site = Starlette(routes=routes, middleware=[Middleware(Shield, page="")])
        self.http = TestClient(site, base_url="http://testserver")
        self.tab = tab
        self.opened = self.http.get(f"/study/small?PROLIFIC_PID={code}&SESSION_ID=s-{code}", follow_redirects=False)
        self.screen: dict[str, Any] = {}

    def post(self, name: str, body: Any = None, **headers: str) -> Any:
        sent = {"content": body} if isinstance(body, bytes) else {"json": body if body is not None else {}}
        return self.http.post(f"/study/small/{name}", headers={TAB_HEADER: self.tab, **headers}, **sent)

    def ask(self, name: str, body: Any = None) -> dict[str, Any]:
        answer = self.post(name, body)
        assert answer.status_code == 200, answer.text
        self.screen = answer.json()
        return self.screen

    def agree(self, *, keep: bool = True) -> dict[str, Any]:
        screen = self.ask("enter", {"language": "en"})
        ticks = {"take-part": True, "keep": keep}
        return self.ask("consent", {"purposes": ticks, "sha256": screen["consent"]["sha256"]})

    def sit(self, photo: bytes) -> dict[str, Any]:
        assert self.ask("photo", photo)["photo"]["blocked"] is False
        self.ask("portraits")
        deadline = time.monotonic() + 120
        while self.screen["task"] in ("photo", "portraits"):
            assert time.monotonic() < deadline, self.screen
            assert not self.screen.get("said"), self.screen["said"]
            time.sleep(0.2)
            answer = self.http.get("/study/small/progress", headers={TAB_HEADER: self.tab})
            self.screen = answer.json()
        return self.screen

    def answer(self, **changes: Any) -> dict[str, Any]:
        trial = self.screen["trial"]
        said = {"likert": "5", "choice": "0", "text": "because", "pair": "left"}[trial["kind"]]
        body = {"trial": trial["key"], "rt_ms": 900.5, "hidden_ms": 0, "page_ms": 5000, "changes": 1, "by": "key"}
        return self.ask("answer", {**body, "chosen" if trial["kind"] == "pair" else "value": said, **changes})

    def finish(self, photo: bytes) -> dict[str, Any]:
        self.agree()
        self.answer()
        self.sit(photo)
        while "trial" in self.screen:
            self.answer()
        return self.screen

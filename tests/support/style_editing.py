"""The style editor of one visit, by way of its HTTP calls."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.studio import STYLE
from visits.visit import Visit
from web.calls import KEY_HEADER


class Editor:
    """One visit's, by way of HTTP."""

    def __init__(self, http: httpx.Client, visit: Visit) -> None:
        self.http, self.visit = http, visit
        self.headers = {KEY_HEADER: visit.key}

    def form(self, style: str = STYLE, status: int = 200) -> Any:
        return self._said(self.http.get("/studio/style", params={"style": style}, headers=self.headers), status)

    def post(self, act: str, value: Any, status: int = 200) -> Any:
        return self._said(self.http.post(f"/studio/style/{act}", json=value, headers=self.headers), status)

    def edit(self, changes: dict[str, Any], style: str = STYLE, status: int = 200) -> Any:
        return self.post("edit", {"style": style, "changes": changes}, status)

    def keep(self, name: str, style: str = STYLE, status: int = 200) -> Any:
        return self.post("keep", {"style": style, "name": name}, status)

    def take(self, text: str | bytes, status: int = 200) -> Any:
        return self._said(self.http.post("/studio/style/import", content=text, headers=self.headers), status)

    def file(self, style: str = STYLE, key: str | None = None) -> httpx.Response:
        return self.http.get(f"/studio/style/{key or self.visit.key}/{style}.toml")

    @staticmethod
    def _said(answer: httpx.Response, status: int) -> Any:
        assert answer.status_code == status, answer.text
        return answer.json()


def settings(said: Any) -> dict[str, Any]:
    return {one["path"]: one for group in said["groups"] for one in group["settings"]}

"""What the page is made of: ids that the browser tests use, nothing that phones home, nothing that clutters."""

from __future__ import annotations

import re

import httpx
import pytest

from ui.page import TITLE
from web.routes import STATIC

IDS = {
    "consent", "consent-text", "agreed", "photo", "style", "scene", "style-picker", "scene-picker",
    "search-style", "search-scene", "likeness",
    "variations", "advanced", "model", "seed", "seed-random", "words", "show-controls", "notice", "create", "cancel",
    "stage", "results", "banner", "check",
}  # fmt: skip


@pytest.fixture(scope="module")
def config(http: httpx.Client) -> dict:
    return http.get("/config").json()


def test_every_control_has_its_id(config: dict) -> None:
    found = {component["props"].get("elem_id") for component in config["components"]}
    assert found >= IDS


def test_no_analytics_no_history_no_share(config: dict, http: httpx.Client) -> None:
    assert config["analytics_enabled"] is False
    assert config["run_history"] is False
    assert http.get("/monitoring/summary").status_code == 404
    assert "share" not in {button for c in config["components"] for button in c["props"].get("buttons") or []}
    assert http.get("/gradio_api/runs").status_code == 404


def test_the_page_names_no_other_host(http: httpx.Client, config: dict) -> None:
    """Fonts, scripts and styles come from here; Gradio's own footer link is the one address to click."""
    own = "".join(path.read_text("utf-8") for path in STATIC.glob("*.[cj]s*"))
    css = http.get("/theme.css").text + own
    assert not re.findall(r"(?:url\(|@import)\s*[\"']?https?:", css)
    assert "fonts.googleapis" not in http.get("/").text
    assert "fonts.googleapis" not in css


def test_there_is_one_first_heading(config: dict) -> None:
    text = "".join(str(component["props"].get("value") or "") for component in config["components"])
    assert re.findall(r"<h1>(.*?)</h1>", text) == [TITLE]


def test_private_events_are_not_named_in_the_api(http: httpx.Client) -> None:
    assert set(http.get("/gradio_api/info").json()["named_endpoints"]) == {"/consent", "/styles", "/portrait"}


def test_pickers_know_every_preset(config: dict, served) -> None:
    props = {c["props"].get("elem_id"): c["props"] for c in config["components"]}
    picker = props["style-picker"]["props"] if "props" in props["style-picker"] else props["style-picker"]
    assert [item["id"] for item in picker["items"]] == list(served.studio.presets.styles)
    assert {item["group"] for item in picker["items"]} == {group for group, _ in picker["groups"]}
    assert [value for _, value in props["style"]["choices"]] == [item["id"] for item in picker["items"]]


def test_a_search_knows_names_keywords_and_families(config: dict, served) -> None:
    props = {c["props"].get("elem_id"): c["props"] for c in config["components"]}
    for name, presets in (("style", served.studio.presets.styles), ("scene", served.studio.presets.scenes)):
        words = words_of(props[f"{name}-picker"])
        for preset in presets.values():
            assert preset.keywords
            assert [one for one in (preset.name, *preset.keywords) if one not in words[preset.id]] == []
    assert "Painting" in words_of(props["style-picker"])["oil-master"]


def words_of(shown: dict) -> dict[str, str]:
    return {item["id"]: item["words"] for item in shown.get("props", shown)["items"]}

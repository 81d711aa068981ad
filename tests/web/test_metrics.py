"""What operators are told at /metrics, who reads it, and that the Grafana dashboard asks for what is there."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipelines.errors import EngineFailed, PortraitError
from pipelines.measures import Measures
from pipelines.waiting_line import WaitingLine
from tests.support.clock import Clock
from visits.studio import Studio
from web.metrics import build_metrics_routes

DASHBOARD = Path(__file__).resolve().parents[2] / "deploy" / "grafana.json"
OF_A_CLUSTER = {"studio_cluster_up", "studio_cluster_joined_total", "studio_cluster_lost_runs_total", "studio_replicas"}


def values(text: bytes) -> dict[str, float]:
    """By name and labels, as in `name{a="b"}`."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@pytest.fixture
def http(studio: Studio) -> TestClient:
    return TestClient(Starlette(routes=build_metrics_routes(studio)), base_url="http://testserver")


def bearer(studio: Studio) -> dict[str, str]:
    return {"Authorization": f"Bearer {studio.operator_token}"}


def test_it_is_read_with_the_operators_token(http: TestClient, studio: Studio) -> None:
    answer = http.get("/metrics", headers=bearer(studio))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.headers["cache-control"] == "no-store"
    told = values(answer.content)
    assert (told["studio_waiting"], told["studio_waiting_limit"]) == (0, studio.pipeline.line.limit)
    assert told['studio_places{device="filters"}'] >= 1
    assert "set-cookie" not in answer.headers


def test_and_not_without(http: TestClient, studio: Studio) -> None:
    nothing = http.get("/metrics")
    assert (nothing.status_code, nothing.headers["www-authenticate"]) == (401, "Bearer")
    for wrong in ("Bearer ", "Bearer wrong", f"Basic {studio.operator_token}", f"Bearer {studio.operator_token[:-1]}"):
        assert http.get("/metrics", headers={"Authorization": wrong}).status_code == 401
    foreign = http.get("/metrics", headers={**bearer(studio), "Origin": "https://elsewhere.example"})
    assert foreign.status_code == 403
    for _ in range(10):
        last = http.get("/metrics", headers={"Authorization": "Bearer wrong"})
    assert last.status_code == 429, "it cannot be guessed"


def test_there_is_none_where_the_operators_pages_are_off(studio: Studio) -> None:
    assert build_metrics_routes(replace(studio, operator_token="")) == []


def test_requests_are_counted_by_how_they_end() -> None:
    clock = Clock()
    line = WaitingLine(clock=clock)
    measures = Measures(line, clock)
    first, second = line.join("a", "toy", 2), line.join("b", "toy", 1)
    with first, measures.watching(first):
        clock.now += 4.0
    with second, pytest.raises(EngineFailed), measures.watching(second):
        raise EngineFailed("Broken.")
    third = line.join("c", "toy", 1)
    with third, pytest.raises(ZeroDivisionError), measures.watching(third):
        raise ZeroDivisionError
    told = values(measures.text())
    assert told['studio_requests_total{engine="toy",outcome="made"}'] == 1
    assert told['studio_requests_total{engine="toy",outcome="engine-failed"}'] == 1
    assert told['studio_requests_total{engine="toy",outcome="unexpected"}'] == 1
    assert told['studio_portraits_total{engine="toy"}'] == 2
    assert told['studio_work_seconds_sum{engine="toy"}'] == 4.0
    assert told['studio_wait_seconds_count{engine="toy"}'] == 1


def test_the_line_is_told_as_it_stands() -> None:
    clock = Clock()
    line = WaitingLine(clock=clock, devices={"cuda:0": lambda model_id: False})
    measures = Measures(line, clock)
    tickets = [line.join(owner, "toy", 1) for owner in "abc"]
    told = values(measures.text())
    assert (told["studio_waiting"], told['studio_working{device="cuda:0"}']) == (2, 1)
    assert told['studio_places{device="cuda:0"}'] == 1
    for ticket in tickets:
        ticket.leave()
    assert values(measures.text())["studio_waiting"] == 0


def test_wait_is_measured_from_the_line_to_the_turn() -> None:
    clock = Clock()
    line = WaitingLine(clock=clock)
    measures = Measures(line, clock)
    first, second = line.join("a", "toy", 1), line.join("b", "toy", 1)
    clock.now += 7.0
    first.leave()
    with second, measures.watching(second):
        clock.now += 1.0
    assert values(measures.text())['studio_wait_seconds_sum{engine="toy"}'] == 7.0


def test_every_kind_of_error_has_a_code_that_says_nothing_of_anybody() -> None:
    kinds = [PortraitError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        assert re.fullmatch(r"[a-z-]+", kind.code)


def test_the_dashboard_asks_for_what_is_told(http: TestClient, studio: Studio) -> None:
    told = {name.partition("{")[0] for name in values(http.get("/metrics", headers=bearer(studio)).content)}
    texts = http.get("/metrics", headers=bearer(studio)).text
    declared = set(re.findall(r"^# TYPE (\w+)", texts, re.MULTILINE))
    board = json.loads(DASHBOARD.read_text("utf-8"))
    asked = {
        name
        for panel in board["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"studio_\w+", target["expr"])
    }
    assert asked >= {"studio_waiting", "studio_replicas", "studio_work_seconds_bucket", "studio_requests_total"}
    known = told | declared | OF_A_CLUSTER | {f"{name}_bucket" for name in declared}
    assert asked <= known
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])

"""The dependency audit fails on what is found, and says so where nothing could be looked up."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests import audit

ROOT = Path(__file__).resolve().parents[1]
VULNERABLE = {
    "name": "jinja2",
    "version": "2.4",
    "vulns": [{"id": "PYSEC-2019-217", "aliases": ["CVE-2016-10745"], "fix_versions": ["2.8.1"]}],
}
SOUND = {"name": "pillow", "version": "12.2.0", "vulns": []}
UNKNOWN = {"name": "gradio", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def answering(**services: list[dict] | str):
    def ask(service: str) -> str:
        said = services.get(service, "")
        return said if isinstance(said, str) else json.dumps({"dependencies": said, "fixes": []})

    return ask


def test_a_known_vulnerability_fails_and_names_the_version_that_mends_it() -> None:
    status, words = audit.audit(answering(pypi=[SOUND, VULNERABLE, UNKNOWN]))
    assert status == 1
    assert "jinja2 2.4: PYSEC-2019-217, mended in 2.8.1" in words


def test_nothing_found_names_how_much_was_looked_up_and_what_was_not() -> None:
    status, words = audit.audit(answering(pypi=[SOUND, UNKNOWN]))
    assert status == 0
    assert "in 1 packages" in words
    assert "gradio" in words


@pytest.mark.parametrize(
    "ask",
    [
        answering(),
        answering(pypi=[UNKNOWN], osv="Traceback: no route to host"),
        answering(pypi="{}", osv="[]"),
        answering(pypi=[], osv=[]),
    ],
)
def test_an_audit_that_could_not_be_done_is_never_called_clean(ask) -> None:
    status, words = audit.audit(ask)
    assert status == 0
    assert "COULD NOT BE DONE" in words
    assert "No known" not in words


def test_the_second_service_is_asked_where_the_first_knows_nothing() -> None:
    assert audit.audit(answering(pypi=[UNKNOWN], osv=[VULNERABLE]))[0] == 1


def test_an_accepted_advisory_passes_under_each_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audit.ACCEPTED, "CVE-2016-10745", "not reachable: no template of a stranger is rendered")
    assert audit.audit(answering(pypi=[VULNERABLE]))[0] == 0


def test_make_check_runs_it() -> None:
    would_run = subprocess.run(["make", "-n", "check"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "-m tests.audit" in would_run
    assert "pip-audit" in (ROOT / "requirements-dev.txt").read_text("utf-8")

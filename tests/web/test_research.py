"""Researchers' pages over HTTP: who gets in, what they see, what they can delete and download."""

from __future__ import annotations

import hashlib
import html
import io
import json
import re
import secrets
import shutil
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.testclient import TestClient

from study.export.check import problems
from study.identity import Identity
from study.participation import RunningStudy
from study.plan.freezing import freeze, load_frozen, parse_plan
from study.researchers import Researchers, entry
from study.store.database import Database, sqlite_url
from study.store.store import StudyStore
from tests.support.postgres import Postgres
from tests.support.studies import SMALL_STUDY, take_part, write_study
from tests.support.sweeps import sweep
from web.research import research_routes
from web.research_data import Desk
from web.research_links import links_of, own_site, returns_of
from web.shield import Shield
from web.sign_in import LONGEST_SECONDS, Gate

PASSWORD = "correct horse battery"
ANNA = entry("anna", PASSWORD)
BLIND = "# Plan\n\n```toml\nblind = true\ndraws = 200\n```\n"


class Lab:
    """A store with people in it, and a browser at the researchers' pages.

    Args:
        people: Who is in it already, where the folder has one; the last of them is a simulated one.
    """

    def __init__(
        self,
        root: Path,
        url: str = "",
        analysis: str = "# Plan\n\n```toml\ndraws = 200\n```\n",
        people: Sequence[str] = (),
    ) -> None:
        self.seconds = time.monotonic()
        if not people:
            (root / "studies").mkdir(parents=True)
            _freeze(root / "studies", analysis)
        self.frozen = load_frozen(root / "studies" / "small.toml")
        self.store = StudyStore(Database(url or sqlite_url(root)), root, Identity.of_folder(root))
        self.store.register(self.frozen)
        *self.people, self.simulated = people or self._come()
        self.desk = Desk(self.store, root)
        self.gate = Gate(Researchers(ANNA), lambda: self.seconds)
        running = {self.frozen.id: RunningStudy(self.frozen, self.store)}
        site = Starlette(
            routes=research_routes(self.desk, self.gate, running), middleware=[Middleware(Shield, page="")]
        )
        self.http = TestClient(site, base_url="http://testserver")
        self.place = f"/research/{self.frozen.sha256}"

    def _come(self) -> Iterator[str]:
        """Five people, the last of whom leaves midway, and a simulated one."""
        for n in range(4):
            yield take_part(self.store, self.frozen, f"code {n}", tab=f"tab {n}").id
        yield take_part(self.store, self.frozen, "leaves", tab="tab 9", most=5).id
        simulated = self.store.identity.marked_code("simulated", "one")
        yield take_part(self.store, self.frozen, simulated, tab="tab s").id

    def sign_in(self, password: str = PASSWORD, name: str = "anna", **form: str) -> int:
        sent = {"name": name, "password": password, **form}
        return self.http.post("/research/login", data=sent, follow_redirects=False).status_code

    def token(self) -> str:
        match = re.search(r'name="token" value="([^"]+)"', self.http.get("/research").text)
        assert match is not None
        return match[1]

    def post(self, path: str, **form: str) -> int:
        return self.http.post(f"{self.place}{path}", data=form, follow_redirects=False).status_code


def _freeze(folder: Path, analysis: str) -> None:
    study = write_study(folder, SMALL_STUDY)
    (folder / "small.lock.json").unlink()
    (folder / "plan.md").write_text(analysis)

    freeze(folder / "small.toml")
    assert study.id == "small"


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with a store, and who is in it."""
    root = tmp_path_factory.mktemp("lab") / "lab"
    found = Lab(root)
    found.store.database.close()
    return root, [*found.people, found.simulated]


@pytest.fixture
def lab(furnished: tuple[Path, list[str]], tmp_path: Path) -> Iterator[Lab]:
    root, people = furnished
    found = Lab(shutil.copytree(root, tmp_path / "lab"), people=people)
    yield found
    found.store.database.close()


@pytest.fixture
def each_lab(tmp_path: Path, url: str) -> Iterator[Lab]:
    """On SQLite, and on PostgreSQL."""
    found = Lab(tmp_path, url)
    yield found
    found.store.database.close()


def unzip(data: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return folder


READ = ("", "/results", "/people", "/files", "/export.zip", "/report.zip", "/ethics.zip", "/figure/stops.svg")
CHANGE = ("/delete", "/delete-old", "/reveal", "/preview", "/simulate")


def test_nothing_is_shown_or_changed_without_a_sign_in(lab: Lab) -> None:
    for path in READ:
        answer = lab.http.get(f"{lab.place}{path}")
        assert "Password" in answer.text
        assert "likeness" not in answer.text
        assert lab.people[0] not in answer.text
    for path in CHANGE:
        assert lab.post(path, participant=lab.people[0], sure="yes", token="") == 403
        assert lab.post(path, participant=lab.people[0], sure="yes") == 403
    assert lab.store.find(lab.people[0]) is not None


def test_a_wrong_password_stays_outside_and_too_many_wait(lab: Lab) -> None:
    assert [lab.sign_in("wrong password") for _ in range(5)] == [403] * 5
    assert lab.sign_in() == 429
    assert "Wait" in lab.http.post("/research/login", data={"name": "anna", "password": PASSWORD}).text
    lab.seconds += 901
    assert lab.sign_in() == 303
    assert "Sign out" in lab.http.get("/research").text


def test_the_cookie_is_for_this_site_alone_and_ends(lab: Lab) -> None:
    answer = lab.http.post("/research/login", data={"name": "anna", "password": PASSWORD}, follow_redirects=False)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    behind = {"x-forwarded-proto": "https"}
    secure = lab.http.post(
        "/research/login", data={"name": "anna", "password": PASSWORD}, headers=behind, follow_redirects=False
    )
    assert secure.headers["set-cookie"].startswith("__Host-")
    assert "; Secure" in secure.headers["set-cookie"]
    assert "Sign out" in lab.http.get("/research").text
    lab.seconds += LONGEST_SECONDS + 1
    assert "Password" in lab.http.get("/research").text


def test_signing_out_ends_the_session_on_the_server(lab: Lab) -> None:
    lab.sign_in()
    word = lab.http.cookies["studio_researcher"]
    lab.http.post("/research/logout", data={"token": lab.token()})
    lab.http.cookies.set("studio_researcher", word)
    assert "Password" in lab.http.get("/research").text


@pytest.mark.parametrize(
    "way", sweep(["https://evil.example", "//evil.example", "/study/x", "/researchx", "/research\\@evil"], 2)
)
def test_a_sign_in_leads_to_no_other_site(lab: Lab, way: str) -> None:
    sent = {"name": "anna", "password": PASSWORD, "next": way}
    answer = lab.http.post("/research/login", data=sent, follow_redirects=False)
    assert answer.headers["location"] == "/research"


def test_what_another_site_asks_is_refused(lab: Lab) -> None:
    lab.sign_in()
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://localhost:9"},
    ):
        assert lab.http.get(lab.place, headers=headers).status_code == 403
        assert (
            lab.http.post("/research/login", data={"name": "anna", "password": PASSWORD}, headers=headers).status_code
            == 403
        )
    follows_a_link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert lab.http.get(lab.place, headers=follows_a_link).status_code == 200


def test_every_page_says_what_is_there_and_runs_no_script(each_lab: Lab) -> None:
    lab = each_lab
    lab.sign_in()
    for path in ("", "/results", "/people", "/files"):
        answer = lab.http.get(f"{lab.place}{path}")
        assert answer.status_code == 200, path
        assert "<script" not in answer.text
        assert "script-src" not in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
    progress = lab.http.get(lab.place).text
    assert re.search(r"<dt>complete</dt>\s*<dd>4</dd>", progress)
    assert re.search(r"<dt>underway</dt>\s*<dd>1</dd>", progress)
    results = lab.http.get(f"{lab.place}/results").text
    assert "Primary outcome ratings.me: 12 answers of 4 participants." in results
    assert "Primary outcome ratings.me: 15 answers of 5 participants." in results, "with everybody"
    assert "all answers are equal" in results
    assert lab.http.get(f"{lab.place}/figure/stops.svg").text.startswith("<?xml")
    assert lab.http.get(f"{lab.place}/figure/none.svg").status_code == 404
    assert lab.http.get(f"{lab.place}?kind=everybody").status_code == 422
    assert lab.http.get(f"/research/{'0' * 64}").status_code == 422


def test_a_study_has_links_to_hand_out_and_says_where_they_end(lab: Lab) -> None:
    lab.sign_in()
    assert "Small: small, version 1" in lab.http.get("/research").text
    plain = html.unescape(lab.http.get(lab.place).text)
    assert "http://testserver/study/small?PROLIFIC_PID={{%PROLIFIC_PID%}}&SESSION_ID={{%SESSION_ID%}}" in plain
    assert "http://testserver/study/small/withdraw" in plain
    assert "https://recruiter.example/complete?cc=MISSED" in plain
    assert "/study/small" not in lab.http.get(f"{lab.place}?kind=simulated").text


def test_links_are_those_of_the_address_that_the_browser_knows() -> None:
    headers = [(b"host", b"lab.example"), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "scheme": "http", "path": "/research", "root_path": "/studio", "headers": headers}
    assert own_site(Request(scope)) == "https://lab.example/studio"


@pytest.mark.parametrize(("codes", "starts"), [("listed", ["CODE", "withdraw"]), ("none", ["small", "withdraw"])])
def test_links_fit_the_codes_of_a_study(codes: str, starts: list[str]) -> None:
    plan = parse_plan(SMALL_STUDY.replace("[recruiting]", f'[recruiting]\ncodes = "{codes}"'), "small.toml")
    assert [one.address[-len(end) :] for one, end in zip(links_of(plan, "https://x"), starts, strict=True)] == starts


def test_who_failed_attention_goes_where_the_others_go_without_a_link_of_their_own() -> None:
    text = SMALL_STUDY.replace('failed_attention = "https://recruiter.example/complete?cc=MISSED"\n', "")
    told = dict(returns_of(parse_plan(text, "small.toml")))
    assert told["failed attention checks"] == "https://recruiter.example/complete?cc=DONE"


def test_rows_of_the_design_that_nobody_has_completed_are_told_too(lab: Lab) -> None:
    lab.sign_in()
    table = lab.http.get(lab.place).text.split("Rows of the Williams design")[-1].split("</table>")[0]
    completed = [int(one) for one in re.findall(r"<td>(\d+)</td>", table)]
    assert (len(completed), sum(completed)) == (6, 4), "three conditions have six rows"


def test_results_of_nobody_have_no_empty_part(lab: Lab) -> None:
    lab.sign_in()
    assert "Response times" in lab.http.get(f"{lab.place}/results").text
    assert "Response times" not in lab.http.get(f"{lab.place}/results?kind=preview").text


def test_simulated_people_are_never_among_participants(each_lab: Lab) -> None:
    lab = each_lab
    lab.sign_in()
    assert lab.simulated not in lab.http.get(f"{lab.place}/people").text
    assert lab.simulated in lab.http.get(f"{lab.place}/people?kind=simulated").text


def test_deleting_one_person_and_everybody_who_came_before(each_lab: Lab) -> None:
    lab = each_lab
    lab.sign_in()
    token = lab.token()
    assert lab.post("/delete", participant=lab.people[0], sure="yes", token="x" * 32) == 403
    assert lab.post("/delete", participant=lab.people[0], token=token) == 422
    assert lab.post("/delete", participant="0" * 20, sure="yes", token=token) == 422
    assert lab.post("/delete", participant=lab.people[0], sure="yes", token=token) == 303
    assert lab.store.find(lab.people[0]) is None
    assert "deleted" in lab.http.get(f"{lab.place}/people").text
    assert lab.post("/delete-old", days="1", sure="yes", token=token) == 303
    assert lab.store.find(lab.people[1]) is not None
    assert lab.post("/delete-old", days="0", sure="yes", token=token) == 303
    assert lab.store.find(lab.people[1]) is None
    assert lab.store.find(lab.simulated) is not None
    assert re.search(r"deleted by a researcher</th><td>5</td>", lab.http.get(lab.place).text)


def test_export_report_and_ethics_report_are_handed_out(each_lab: Lab, tmp_path: Path) -> None:
    lab = each_lab
    lab.sign_in()
    export = lab.http.get(f"{lab.place}/export.zip")
    assert export.headers["content-disposition"] == 'attachment; filename="small-v1-data.zip"'
    folder = unzip(export.content, tmp_path / "data")
    assert problems(folder) == ()
    (agreed,) = (folder / "materials").glob("consent-*.txt")
    sha256 = hashlib.sha256(agreed.read_bytes()).hexdigest()
    consents = (folder / "formats" / "consents.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(one)["consent_sha256"] for one in consents} == {sha256}
    main = unzip(lab.http.get(f"{lab.place}/export.zip?exclude=1").content, tmp_path / "main")
    assert lab.people[4] not in (main / "formats" / "participants.jsonl").read_text()
    report = unzip(lab.http.get(f"{lab.place}/report.zip").content, tmp_path / "report")
    assert lab.frozen.sha256 in (report / "report.md").read_text("utf-8")
    assert (report / "report.pdf").read_bytes().startswith(b"%PDF")
    ethics = unzip(lab.http.get(f"{lab.place}/ethics.zip").content, tmp_path / "ethics")
    told = (ethics / "ethics.md").read_text("utf-8")
    assert "My portraits may be kept." in told
    assert f"SHA-256 of these words in UTF-8: {sha256}" in told
    assert "> Taking part is voluntary." in told
    assert not list(lab.desk.store.files.path("x", "y").parents[2].glob(".export-*")), "nothing is left of a download"


def test_a_blind_study_names_no_condition_until_it_is_revealed(tmp_path: Path, url: str) -> None:
    lab = Lab(tmp_path, url, BLIND)
    lab.sign_in()
    names = re.compile(r"\b(one|two|three)\b(?! of|</)|oil-master|pop-art")
    for path in ("", "/results"):
        text = re.sub(r"<th[^>]*>(answers|people)[^<]*", "", lab.http.get(f"{lab.place}{path}").text)
        assert not re.search(r">(one|two|three)<|oil-master|pop-art", text), names
        assert "Blind" in text
    assert lab.http.get(f"{lab.place}/export.zip").status_code == 422
    assert lab.http.get(f"{lab.place}/report.zip").status_code == 422
    assert lab.post("/reveal", sure="yes", token=lab.token()) == 303
    assert ">two<" in lab.http.get(f"{lab.place}/results").text
    assert lab.http.get(f"{lab.place}/export.zip").status_code == 200
    lab.store.database.close()


def test_a_database_that_is_away_is_one_sentence_and_later_all_is_there(tmp_path: Path, postgres: Postgres) -> None:
    lab = Lab(tmp_path, postgres.new_database(f"away{secrets.token_hex(4)}"))
    lab.sign_in()
    token = lab.token()
    postgres.stop()
    try:
        for path in ("/research", *(f"{lab.place}{path}" for path in READ)):
            answer = lab.http.get(path)
            assert answer.status_code == 503, path
            assert "database does not answer just now. What was confirmed before is safe" in answer.text, path
        assert lab.post("/delete", participant=lab.people[0], sure="yes", token=token) == 503
    finally:
        postgres.start()
    assert "<dt>complete</dt>" in lab.http.get(lab.place).text
    assert lab.store.find(lab.people[0]) is not None
    lab.store.database.close()


def test_a_preview_is_a_link_that_only_this_server_can_make(lab: Lab) -> None:
    lab.sign_in()
    answer = lab.http.post(f"{lab.place}/preview", data={"token": lab.token()}, follow_redirects=False)
    code = answer.headers["location"].partition("PROLIFIC_PID=")[2]
    assert lab.store.identity.kind_of(code) == "preview"

"""The page and its answers in five languages, through the mounted app as a browser asks for it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest

from languages.catalogue import LANGUAGES, translated
from languages.choice import COOKIE
from languages.collecting import in_scripts, sentences
from tests.support.site import LOOK, Visitor
from tests.support.studio import Served
from tests.support.sweeps import sweep

OTHERS = [code for code in LANGUAGES if code != "en"]
SENTENCES = sentences()  # here: Python 3.11 cannot take modules apart while a server's threads do so, too
FIRST = "Tick the consent box in step 1, then add a photo."
UNREADABLE = "This file is not a picture that can be read; use JPEG, PNG, WebP, HEIC or AVIF."


def said(code: str, form: str, **values: object) -> str:
    return translated(code, form, "", None).format(**values)


@cache
def english(code: str) -> dict[str, str]:
    """What of each sentence can be told from its translation: its longest part without holes, by itself."""
    found = {}
    for one in SENTENCES:
        for form in one.forms:
            part = max(re.split(r"\{[^}]*\}", form), key=len).strip()
            other = translated(code, one.forms[0], one.forms[-1] if len(one.forms) > 1 else "", 2)
            if len(part.split()) > 2 and part not in other:
                found[part] = form
    return found


def strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, name)
    elif isinstance(value, str):
        yield name, value


@pytest.fixture(params=sweep(OTHERS, 2))
def code(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def visitor(served: Served, code: str) -> Iterator[Visitor]:
    """Somebody whose browser asks for the language."""
    one = Visitor(served.url)
    one.http.headers["Accept-Language"] = f"{code}-XX,{code};q=0.9,en;q=0.8"
    yield one
    one.close()


def test_the_page_is_the_same_one_in_other_words(http: httpx.Client, code: str) -> None:
    ours = http.get("/config").json()
    theirs = http.get("/config", headers={"Accept-Language": code}).json()
    assert theirs["dependencies"] == ours["dependencies"]
    assert theirs["layout"] == ours["layout"]
    assert [(c["id"], c["type"], c["props"].get("elem_id")) for c in theirs["components"]] == [
        (c["id"], c["type"], c["props"].get("elem_id")) for c in ours["components"]
    ]
    assert sum(a != b for a, b in zip(theirs["components"], ours["components"], strict=True)) > 30
    assert http.get("/config").json() == ours, "and the English one stays as it was"


def test_no_english_is_left_on_the_page(http: httpx.Client, code: str) -> None:
    config = http.get("/config", headers={"Accept-Language": code}).json()
    known, found = english(code), []
    assert len(known) > 500
    for component in config["components"]:
        for name, text in strings(component["props"]):
            if name != "words":  # by which a style is found: in English, too
                found += [
                    f"{component['props'].get('elem_id')}: {form}" for part, form in known.items() if part in text
                ]
    assert found == []


def test_the_page_says_which_language_it_is_in(http: httpx.Client, code: str) -> None:
    page = http.get("/", headers={"Accept-Language": code}).text
    assert re.findall(r'<html[^>]*?\blang="([^"]*)"', page) == [code]
    assert f'<meta name="studio-language" content="{code}">' in page
    assert f"studio/words/{code}.json" in page
    own = said(
        code, "Your photo as a painting, a print or a hologram: you see where it goes, and each says what made it."
    )
    assert own in html.unescape(page)


def test_english_is_what_others_get_and_loads_no_catalogue(http: httpx.Client) -> None:
    for accept in ("", "nl,pl;q=0.9", "*"):
        page = http.get("/", headers={"Accept-Language": accept}).text
        assert re.findall(r'<html[^>]*?\blang="([^"]*)"', page) == ["en"]
        assert "studio/words/" not in page


def test_a_choice_is_kept_by_a_cookie_and_comes_before_the_browsers(http: httpx.Client, code: str) -> None:
    headers = {"Accept-Language": "nl, en;q=0.5", "Cookie": f"{COOKIE}={code}"}
    assert f'lang="{code}"' in http.get("/", headers=headers).text
    headers = {"Accept-Language": code, "Cookie": f"{COOKIE}=en"}
    assert 'lang="en"' in http.get("/", headers=headers).text


def test_scripts_get_all_that_they_say_and_nothing_else(http: httpx.Client, code: str) -> None:
    answer = http.get(f"/studio/words/{code}.json")
    assert set(answer.json()) == {one.forms[0] for one in in_scripts()}
    assert all(words and all(words) for words in answer.json().values())
    assert http.get(answer.url, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert answer.headers["cache-control"] == "no-cache"
    assert http.get("/studio/words/xx.json").status_code == 404
    assert http.get("/studio/words/en.json").json() == {}


def test_events_answer_in_the_language_of_the_request(visitor: Visitor, code: str) -> None:
    answer = visitor.call("create", *LOOK, 1, "auto", 5, False, "", False)
    events = [json.loads(line) for line in re.findall(r"^data: (.*)$", answer, re.MULTILINE)]
    texts = [html.unescape(text) for _, text in strings(events)]
    assert any(said(code, FIRST) in text for text in texts)
    assert not any(FIRST in text for text in texts)


def test_routes_answer_in_the_language_of_the_request(visitor: Visitor, code: str) -> None:
    visitor.agree()
    answer = visitor.send_photo(b"no picture at all")
    assert answer.status_code == 422
    assert answer.json() == {"sentence": said(code, UNREADABLE)}
    answer = visitor.send_photo(b"x", key="wrong")
    assert answer.json() == {"sentence": said(code, "Tick the consent box first; without it no photo is taken in.")}


def test_the_wall_speaks_it_too(visitor: Visitor, code: str) -> None:
    assert visitor.http.get("/monitoring/summary").json()["detail"] == said(code, "This address is closed here.")


def test_the_receipt_is_of_the_text_that_was_read(served: Served, visitor: Visitor, code: str) -> None:
    said_yes = visitor.call("agree", True, *LOOK, code)
    assert '"key":"' in said_yes
    visitor.http.headers["Accept-Language"] = "en"  # switched since
    receipt = visitor.call("forget", *LOOK)
    assert f'"language":"{code}"' in receipt
    [digest] = re.findall(r'"text_sha256":"(\w+)"', receipt)
    theirs = {one.language: one.sha256 for one in served.studio.consents.notices}
    assert digest == theirs[code]
    assert len(set(theirs.values())) == len(LANGUAGES)


@pytest.mark.parametrize("forged", ["xx", "", None, 7, ["de"], {"de": 1}])
def test_a_forged_language_is_english(served: Served, forged: object) -> None:
    visitor = Visitor(served.url)
    visitor.call("agree", True, *LOOK, forged)
    assert '"language":"en"' in visitor.call("forget", *LOOK)
    visitor.close()

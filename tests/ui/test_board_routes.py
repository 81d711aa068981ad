"""The Board tab's calls: whose board it is, what is refused, what is left of it afterwards."""

from __future__ import annotations

import base64
import io
import threading
import time
import tomllib
import zipfile
from typing import Any

import httpx
import pytest
from PIL import Image

from pipelines.board import runner
from pipelines.provenance import marking
from tests.support.drawings import person, side_by_side
from tests.support.studio import OTHER_STYLE, STYLE, Served, close_page, jpeg, request_of
from ui.portrait_handlers import PortraitHandlers
from visits import inventory
from visits.visit import KEEP_SECONDS, Visit
from web.calls import KEY_HEADER

SAID_YES = "Sam said yes to this board on Monday."
ASKED = {
    "title": "Which one?",
    "styles": [STYLE, OTHER_STYLE],
    "engines": ["preview"],
    "rows": "photo",
    "columns": "style",
}


class Board:
    """One visit's, by way of HTTP."""

    def __init__(self, http: httpx.Client, visit: Visit) -> None:
        self.http, self.visit = http, visit

    def get(self, path: str = "") -> Any:
        return self.http.get(f"/studio/board{path}", headers={KEY_HEADER: self.visit.key}).json()

    def post(self, path: str, value: Any = None, status: int = 200) -> Any:
        answer = self.http.post(f"/studio/board/{path}", json=value or {}, headers={KEY_HEADER: self.visit.key})
        assert answer.status_code == status, answer.text
        return answer.json()

    def add(self, photo: bytes, title: str = "Sam", consent: str = SAID_YES, status: int = 200, **who: int) -> Any:
        answer = self.http.post(
            "/studio/board/photo",
            params={"title": title, "consent": consent, **who},
            content=photo,
            headers={KEY_HEADER: self.visit.key},
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    def made(self) -> Any:
        """The whole board, once it is no more being made."""
        until = time.monotonic() + 120
        while (said := self.get("/progress"))["running"]:
            assert time.monotonic() < until
            time.sleep(0.05)
        return self.get() | {"words": said["words"]}

    def cell(self, key: str, end: str) -> httpx.Response:
        return self.http.get(f"/studio/board/{self.visit.key}/cell/{key}{end}")


@pytest.fixture
def board(served: Served, http: httpx.Client, request: pytest.FixtureRequest) -> Board:
    return Board(http, served.visit(f"board-{request.node.name}"))


def keys(said: Any) -> list[str]:
    return [cell["key"] for tab in said["table"]["tabs"] for row in tab["rows"] for cell in row["cells"]]


def test_from_a_photo_to_slides_and_a_style_added_later_makes_only_that(board: Board, photo_bytes: bytes) -> None:
    said = board.add(photo_bytes)
    assert [one["title"] for one in said["photos"]] == ["Sam"]
    assert board.http.get("/" + said["photos"][0]["src"]).headers["content-type"] == "image/jpeg"
    planned = board.post("plan", ASKED)
    assert planned["words"].startswith("2 portraits, 0 of them there, 2 to make")
    assert planned["table"]["columns"] == ["Film noir", "Comic book"]
    assert set(planned["states"].values()) == {"missing"}
    board.post("start")
    done = board.made()
    assert done["words"] == "Ready. 2 portraits made."
    assert set(done["states"].values()) == {"done"}
    assert done["asked"] == ASKED, "a page that was reloaded finds its choices"

    first, second = keys(done)
    portrait = board.cell(first, ".png?download")
    assert marking.check(portrait.content).is_ours
    assert portrait.headers["content-disposition"].startswith(f'attachment; filename="self-portrait-{STYLE}-sam-')
    small = Image.open(io.BytesIO(board.cell(second, "-320.webp").content))
    assert max(small.size) == 320 or max(small.size) == max(Image.open(io.BytesIO(portrait.content)).size)
    about = board.cell(first, ".json").json()
    assert ["Style", "Film noir"] in about["rows"]
    assert tomllib.loads(board.cell(first, ".toml").text)["name"] == "Film noir (copy)"
    slides = board.http.get(f"/studio/board/{board.visit.key}/export.pptx")
    pictures = [n for n in zipfile.ZipFile(io.BytesIO(slides.content)).namelist() if n.startswith("ppt/media/")]
    assert len(pictures) >= 3, "two portraits and the original"

    more = board.post("plan", ASKED | {"styles": [STYLE, OTHER_STYLE, "oil-master"]})
    assert "3 portraits, 2 of them there, 1 to make. Time: about" in more["words"]
    board.post("start")
    assert board.made()["words"] == "Ready. 1 portrait made."
    assert board.post("star", {"key": first})["stars"] == [first]
    assert board.get()["stars"] == [first]


def test_what_is_wrong_is_said_in_a_sentence_and_nothing_is_lost(board: Board, photo_bytes: bytes) -> None:
    assert "Add a photo first" in board.post("plan", ASKED, 422)["sentence"]
    assert "say in a sentence who is in it" in board.add(photo_bytes, consent="yes", status=422)["sentence"]
    board.add(b"no photo", status=422)
    board.add(photo_bytes)
    assert "on the board already" in board.add(photo_bytes, title="Again", status=422)["sentence"]
    assert "another name" in board.add(jpeg(Image.open(io.BytesIO(photo_bytes))), status=422)["sentence"]
    assert "Choose what the board shows first" in board.post("start", status=422)["sentence"]
    assert "styles" in board.post("plan", ASKED | {"styles": []}, 422)["sentence"]
    assert "there is no nonsense" in board.post("plan", ASKED | {"engines": ["nonsense"]}, 422)["sentence"]
    many = {"seeds": list(range(60)), "likeness": [0.1, 0.2, 0.3]}
    assert "300 at most" in board.post("plan", ASKED | many, 422)["sentence"]
    board.post("plan", ["no", "object"], 422)
    board.post("star", {"key": "0" * 64}, 422)
    assert len(board.get()["photos"]) == 1


def test_where_it_would_be_a_guess_who_is_meant_the_heads_are_offered(board: Board, face_photo: Image.Image) -> None:
    pair = jpeg(side_by_side(person(face_photo, 260), person(face_photo, 220)))
    asked = board.add(pair, status=422)
    assert "There are 2 faces" in asked["sentence"]
    assert "Tap the one" in asked["sentence"]
    heads = [Image.open(io.BytesIO(base64.b64decode(head.partition(",")[2]))) for head in asked["faces"]]
    assert [head.size for head in heads] == [(144, 144)] * 2
    assert not asked["doubtful"]
    assert board.get()["photos"] == [], "nothing is kept of it"
    assert [one["title"] for one in board.add(pair, face=2)["photos"]] == ["Sam"]
    assert "number from 1" in board.add(pair, title="Kim", face=99, status=422)["sentence"]


def test_a_photo_on_its_side_is_offered_to_be_turned(board: Board, face_photo: Image.Image) -> None:
    lying = jpeg(face_photo.rotate(90, expand=True))
    asked = board.add(lying, status=422)
    assert asked["turn"] == 90
    assert board.add(lying, turn=90)["photos"]


def test_a_board_has_a_shape_and_a_size(board: Board, face_photo: Image.Image) -> None:
    said = board.add(jpeg(face_photo.resize((1600, 1600))))
    src = said["photos"][0]["src"]
    planned = board.post("plan", ASKED | {"shape": "4:5", "size": "print"})
    assert (planned["table"]["shape"], planned["table"]["ratio"]) == ("4:5", 0.8)
    cut = Image.open(io.BytesIO(board.http.get(f"/{src}", params={"shape": "4:5"}).content))
    assert cut.width / cut.height == pytest.approx(0.8, abs=0.01)
    board.post("start")
    key = keys(board.made())[0]
    portrait = Image.open(io.BytesIO(board.cell(key, ".png").content))
    assert portrait.width / portrait.height == pytest.approx(0.8, abs=0.01)
    about = dict(board.cell(key, ".json").json()["rows"])
    assert about["Size"].startswith(f"{portrait.width} × {portrait.height} px")
    square = board.post("plan", ASKED)
    assert set(square["states"].values()) == {"missing"}, "other shapes are other portraits"
    assert board.post("plan", ASKED | {"shape": "4:5", "size": "print"})["words"].startswith("All 2 portraits")
    many = {"size": "print", "seeds": list(range(50))}
    assert "80 at most for a print" in board.post("plan", ASKED | many, 422)["sentence"]
    assert "shape" in board.post("plan", ASKED | {"shape": "3:2"}, 422)["sentence"]


def test_nobody_else_sees_a_board(served: Served, board: Board, http: httpx.Client, photo_bytes: bytes) -> None:
    board.add(photo_bytes)
    board.post("plan", ASKED)
    board.post("start")
    key = keys(board.made())[0]
    other = Board(http, served.visit("board-other"))
    assert other.get()["photos"] == []
    assert other.cell(key, ".png").status_code == 404
    assert http.get(f"/studio/board/guess/cell/{key}.png").status_code == 403
    assert http.get("/studio/board").status_code == 403


def test_stop_keeps_what_is_made_and_start_goes_on(
    board: Board, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, first = runner._Run._make_one, threading.Lock()

    def slow(run: Any, *cell: Any) -> None:
        if not first.acquire(blocking=False):
            run._stop.wait(60)  # until somebody stops
        one(run, *cell)

    monkeypatch.setattr(runner._Run, "_make_one", slow)
    board.add(photo_bytes)
    board.post("plan", ASKED | {"styles": [STYLE, OTHER_STYLE, "oil-master"]})
    board.post("start")
    assert "stop it first" in board.post("plan", ASKED, 422)["sentence"]
    while "done" not in board.get("/progress")["states"].values():
        time.sleep(0.05)
    board.post("stop")
    said = board.made()
    assert said["words"].startswith("Stopped. ")
    monkeypatch.setattr(runner._Run, "_make_one", one)
    board.post("start")
    assert board.made()["words"].startswith("Ready.")


def test_a_run_that_ends_while_it_is_read_is_not_told_as_over_in_words_of_its_middle(
    board: Board, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.add(photo_bytes)
    board.post("plan", ASKED)
    board.post("start")
    shown = board.visit.board
    assert shown is not None
    states, until = shown.states, time.monotonic() + 60

    def ends_first() -> Any:
        while shown.running and time.monotonic() < until:
            time.sleep(0.01)
        return states()

    monkeypatch.setattr(shown, "states", ends_first)
    said = board.get("/progress")
    assert said["running"] or said["words"].startswith("Ready."), said["words"]
    assert board.made()["words"].startswith("Ready.")


def test_a_board_is_listed_and_goes_with_its_visit_and_by_age(
    served: Served, handlers: PortraitHandlers, board: Board, photo_bytes: bytes
) -> None:
    board.add(photo_bytes)
    board.post("plan", ASKED)
    board.post("start")
    board.made()
    session = board.visit.session
    listed = [kept.what for kept in inventory.kept_of(served.studio, session)]
    assert "A photo on your style board: Sam" in listed
    assert listed.count("A portrait on your style board") == 2
    mine = board.visit.board
    assert mine is not None
    assert len(mine.files()) == 2
    served.studio.visits.sweep(time.monotonic() + KEEP_SECONDS + 1)
    assert board.get()["photos"] == [], "the photo has reached its age"
    board.add(photo_bytes)
    board.post("plan", ASKED)
    board.post("start")
    close_page(served, handlers, session)  # while it is being made
    until = time.monotonic() + 60
    while mine.running or mine.folder.exists():
        assert time.monotonic() < until, "nothing of it stays"
        time.sleep(0.05)


def test_a_blind_vote_shows_no_label_before_it_is_revealed(board: Board, photo_bytes: bytes) -> None:
    board.add(photo_bytes)
    board.post("plan", ASKED | {"styles": [STYLE, OTHER_STYLE, "oil-master"]})
    assert "at least two" in board.post("vote", {"begin": 1}, 422)["sentence"]
    board.post("start")
    board.made()
    begun = board.post("vote", {"begin": 1})["vote"]
    assert begun == {"names": ["A", "B", "C"], "each": 1, "votes": 0, "tally": []}
    shown = [board.http.get(f"/studio/board/{board.visit.key}/blind/{name}.webp") for name in "ABC"]
    assert [one.headers["content-type"] for one in shown] == ["image/webp"] * 3
    assert len({one.content for one in shown}) == 3
    assert board.http.get(f"/studio/board/{board.visit.key}/blind/D.webp").status_code == 404
    for choice in ("B", "B", "C"):
        board.post("vote", {"choices": [choice]})
    assert "Choose 1 pictures at most" in board.post("vote", {"choices": ["A", "B"]}, 422)["sentence"]
    board.post("vote", {"choices": ["Z"]}, 422)
    assert board.get()["vote"]["votes"] == 3, "a page that was reloaded goes on with the vote"
    tally = board.post("vote", {"reveal": True})["vote"]["tally"]
    assert [(one["name"], one["votes"], one["rank"]) for one in tally[:2]] == [("B", 2, 1), ("C", 1, 2)]
    assert {one["label"] for one in tally} == {"Film noir", "Comic book", "Old-master oil"}
    assert "counted already" in board.post("vote", {"choices": ["A"]}, 422)["sentence"]
    assert board.post("vote", {})["vote"] is None


def test_a_board_that_was_not_handed_on_is_asked_about_before_it_is_deleted(
    handlers: PortraitHandlers, board: Board, photo_bytes: bytes
) -> None:
    def asks() -> Any:
        said = handlers.withdraw(STYLE, "none", 0.5, request_of(board.visit.session))
        return said.get("agreed", {}).get("ask")

    board.add(photo_bytes)
    board.post("plan", ASKED)
    board.post("start")
    done = board.made()
    assert done["unsaved"] == 2
    assert asks() == {"words": "Delete your style board of 2 portraits, which was not handed on?", "all": ""}
    board.cell(keys(done)[0], ".png?download")
    assert board.get()["unsaved"] == 1
    assert board.http.get(f"/studio/board/{board.visit.key}/export.zip").is_success
    assert board.get()["unsaved"] == 0
    assert asks() is None, "all of it is on the visitor's disk"
    assert board.visit.closed

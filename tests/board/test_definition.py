"""A board's file: what is wrong in it is named before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pipelines.board.definition import Board, load_board, parse_board
from pipelines.board.photos import open_photos
from pipelines.errors import BoardError, WordsRefused
from tests.board.conftest import SAID_YES, TWO_PHOTOS, Bench, toml

GOOD = {"title": "Team", "styles": ["comic"]}
PHOTO = {"file": "eileen.png", "consent": SAID_YES}


def test_a_small_file_is_a_board() -> None:
    board = parse_board(toml(GOOD, [PHOTO]))
    assert (board.count, board.rows, board.columns) == (1, "photo", "style")
    assert board.photos[0].title == "eileen"
    assert (board.scenes, board.seeds, board.engines, board.likeness) == (("none",), (0,), ("auto",), (0.5,))


@pytest.mark.parametrize(
    ("changes", "photos", "words"),
    [
        ({"styles": []}, [PHOTO], ("line 2", "field styles")),
        ({"stiles": ["comic"]}, [PHOTO], ("field stiles",)),
        ({"likeness": [0.5, 7]}, [PHOTO], ("line 3", "likeness.2", "7")),
        ({"seeds": [-1]}, [PHOTO], ("field seeds.1", "-1")),
        ({"seeds": [1, 1]}, [PHOTO], ("seeds has 1 twice",)),
        ({"rows": "style"}, [PHOTO], ("two different",)),
        ({"rows": "person"}, [PHOTO], ("field rows", "person")),
        ({"label": "yes"}, [PHOTO], ("field label", "yes")),
        ({"title": "two\nlines"}, [PHOTO], ("field title",)),
        ({}, [], ("field photos",)),
        ({}, [PHOTO] * 13, ("field photos",)),
        ({}, [PHOTO, {"file": "b.png"}], ("line 8", "photos.2.consent", "required")),
        ({}, [PHOTO, {"file": "b.png", "consent": "yes"}], ("line 10", "photos.2.consent", "yes")),
        ({}, [{**PHOTO, "file": "../secret.png"}], ("photos.1", "without a path")),
        ({}, [PHOTO, PHOTO], ("named eileen.png",)),
        (
            {"seeds": list(range(60)), "styles": [f"s{n}" for n in range(60)], "likeness": [0.1, 0.2]},
            [PHOTO],
            ("7200",),
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_place(changes: dict, photos: list, words: tuple[str, ...]) -> None:
    with pytest.raises(BoardError) as caught:
        parse_board(toml({**GOOD, **changes}, photos), "board.toml")
    for word in ("board.toml", *words):
        assert word in caught.value.hint


def test_a_file_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "board.toml").write_text('title = "Team"\nstyles = [comic]\n')
    with pytest.raises(BoardError, match="line 2"):
        load_board(tmp_path / "board.toml")


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x" * 300_000])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "board.toml").write_bytes(content)
    with pytest.raises(BoardError, match=r"board\.toml"):
        load_board(tmp_path / "board.toml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"styles": ["comic", "mona-lisa"]}, ("styles.2", "mona-lisa", "film-noir")),
        ({"scenes": ["moon"]}, ("scenes.1", "moon", "orbit")),
        ({"engines": ["gpt"]}, ("engines.1", "gpt", "preview")),
        ({"engines": ["preview", "absent"]}, ("engines.2", "absent")),
        ({"engines": ["auto", "preview"]}, ("engines.2", "auto")),
    ],
)
def test_what_does_not_exist_here_is_named_with_its_place(bench: Bench, changes: dict, words: tuple[str, ...]) -> None:
    if "auto" in str(changes):
        words = ("engines.2", "preview")
    with pytest.raises(BoardError) as caught:
        bench.board(**changes)
    for word in words:
        assert word in caught.value.hint
    assert not bench.out.exists()


def test_auto_becomes_the_engine_that_it_stands_for(bench: Bench) -> None:
    assert bench.board(engines=["auto"]).board.engines == ("preview",)


def test_words_pass_the_reviewers_before_anything_is_made(bench: Bench) -> None:
    with pytest.raises(WordsRefused):
        bench.board(words="a naked woman")
    assert bench.engine.jobs == []


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        ({"file": "nobody.png"}, ("nobody.png", "eileen.png, notes.txt, other.png")),
        ({"file": "notes.txt"}, ("notes.txt", "not a picture")),
        ({"file": "eileen.png", "face": 3}, ("no face 3",)),
        ({"file": "blank.png"}, ("No face", 'mark = "x,y,size"', "face = 0")),
    ],
)
def test_a_photo_that_cannot_be_used_is_named(bench: Bench, photo: dict, words: tuple[str, ...]) -> None:
    (bench.photos_folder / "notes.txt").write_text("no picture")
    if photo["file"] == "blank.png":
        Image.new("RGB", (400, 400), "white").save(bench.photos_folder / "blank.png")
    board = bench.board(photos=[{**PHOTO, **photo}])
    with pytest.raises(BoardError) as caught:
        open_photos(board.board, bench.photos_folder)
    for word in ("photos.1.file", *words):
        assert word in caught.value.hint


def test_twelve_photos_are_taken(bench: Bench) -> None:
    photos = [{**PHOTO, "file": f"{number}.png"} for number in range(12)]
    assert isinstance(parse_board(toml(GOOD, photos)), Board)
    assert len(bench.photos(bench.board(photos=TWO_PHOTOS))) == 2

"""The text is versioned, says who, what, why and how long, and cannot change behind its own back."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from pipelines.errors import PresetError, SettingsError
from study.notice import CONSENT_FILE, load_notice, read_consent_file
from study.settings import OperatorSettings, StudyTerms, read_settings

TODAY = date(2026, 11, 24)
STUDY = {
    "STUDIO_OPERATOR": "Ada Example, ada@example.org",
    "STUDIO_STUDY_FOLDER": "/somewhere",
    "STUDIO_STUDY_ABOUT": "Which styles keep a person recognisable?",
    "STUDIO_STUDY_UNTIL": "2027-06-30",
}


def test_the_hash_is_of_what_is_read() -> None:
    notice = load_notice()
    assert notice.sha256 == hashlib.sha256(notice.document.encode()).hexdigest()
    assert notice.text in notice.document
    assert notice.summary in notice.document


def test_no_placeholder_is_left_and_nothing_is_promised_that_is_not_filled_in() -> None:
    for environ in ({}, STUDY, {"STUDIO_C2PA_TSA": "https://tsa.example.org"}):
        document = load_notice(read_settings(environ, today=TODAY), minutes=47).document
        assert "{" not in document
        assert "47 minutes" in document


def test_without_a_study_only_the_needed_tick_is_there_and_the_text_says_why() -> None:
    notice = load_notice()
    assert [purpose.id for purpose in notice.purposes] == ["portraits"]
    assert notice.optional == ()
    assert "No study is running here" in notice.text
    assert "no name or contact" in notice.text, "an operator who gave none is not invented"


def test_with_a_study_the_text_says_what_for_who_and_until_when() -> None:
    settings = read_settings(STUDY, today=TODAY)
    notice = load_notice(settings)
    assert [purpose.id for purpose in notice.purposes] == ["portraits", "study", "examples"]
    assert [purpose.needed for purpose in notice.purposes] == [True, False, False]
    for words in ("Ada Example, ada@example.org.", "Which styles keep a person recognisable?", "2027-06-30"):
        assert words in notice.text
    assert "No study is running" not in notice.text
    other = load_notice(OperatorSettings("Somebody else.", settings.study))
    assert other.sha256 != notice.sha256, "who runs it is a part of what is agreed to"


@pytest.mark.parametrize(
    "words", ["AI portraits from it now.", "The server passes nothing on", 'title = "Whose face."']
)
def test_a_changed_word_needs_a_new_hash(tmp_path: Path, words: str) -> None:
    changed = tmp_path / "consent.toml"
    text = CONSENT_FILE.read_text("utf-8")
    assert words in text
    changed.write_text(text.replace(words, words[:-2] + "x" + words[-1]), "utf-8")
    with pytest.raises(PresetError, match="new version") as refused:
        load_notice(path=changed)
    right = refused.value.hint.split('sha256 = "')[1][:64]
    changed.write_text(changed.read_text("utf-8").replace(read_consent_file().sha256, right), "utf-8")
    assert load_notice(path=changed).sha256 != load_notice().sha256


@pytest.mark.parametrize(
    "break_it",
    [
        lambda text: text.replace("needed = true\n", ""),
        lambda text: text.replace('id = "study"', 'id = "advertising"'),
        lambda text: text.replace("[[sections]]", "[[section]]"),
        lambda text: text + "= broken",
    ],
)
def test_a_broken_file_stops_the_start_with_its_name(tmp_path: Path, break_it) -> None:
    broken = tmp_path / "consent.toml"
    broken.write_text(break_it(CONSENT_FILE.read_text("utf-8")), "utf-8")
    with pytest.raises(PresetError, match=r"consent\.toml"):
        load_notice(path=broken)


def test_settings_without_a_study() -> None:
    assert read_settings({}).study is None
    named = read_settings({"STUDIO_OPERATOR": "  Ada\n Example "})
    assert named.operator == "Ada Example."


def test_a_space_names_its_server_and_who_runs_it() -> None:
    space = {"SPACE_ID": "ada/studio", "SPACE_HOST": "ada-studio.hf.space"}
    with pytest.raises(SettingsError, match="STUDIO_OPERATOR"):
        read_settings(space)
    named = load_notice(read_settings(space | {"STUDIO_OPERATOR": "Ada Example"}))
    assert "uploaded to this server (ada-studio.hf.space)" in named.text
    assert "(the one in your browser's address line)" in load_notice(read_settings({})).text


def test_settings_of_a_study() -> None:
    settings = read_settings(STUDY, today=TODAY)
    assert settings.study == StudyTerms(Path("/somewhere"), STUDY["STUDIO_STUDY_ABOUT"], date(2027, 6, 30))
    assert read_settings(STUDY, today=date(2027, 6, 30)).study is not None, "the last day counts"


def test_who_is_asked_for_time_stamps_is_named_and_only_then() -> None:
    settings = read_settings(
        {**STUDY, "STUDIO_C2PA_TSA": "https://ada:secret@tsa.example.org:8080/in?key=2"}, today=TODAY
    )
    text = load_notice(settings).text
    assert "a hash is sent to tsa.example.org, which" in text
    assert "passes nothing on" not in text
    assert "secret" not in text
    assert "The server passes nothing on to anyone else: no other company, no other website." in load_notice().text
    assert "time stamp" not in load_notice().text
    for address in ("https://", "http://[", "tsa.example.org"):
        with pytest.raises(SettingsError, match="STUDIO_C2PA_TSA"):
            read_settings({"STUDIO_C2PA_TSA": address})


def test_a_study_whose_last_day_is_over_asks_nobody_and_its_folder_is_still_known() -> None:
    settings = read_settings(STUDY, today=date(2027, 7, 1))
    assert settings.study is None
    assert settings.ended is not None
    assert settings.ended.folder == Path("/somewhere")
    assert load_notice(settings).optional == ()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"STUDIO_OPERATOR": ""}, "STUDIO_OPERATOR"),
        ({"STUDIO_STUDY_ABOUT": " "}, "STUDIO_STUDY_ABOUT"),
        ({"STUDIO_STUDY_ABOUT": "x" * 301}, "STUDIO_STUDY_ABOUT"),
        ({"STUDIO_STUDY_UNTIL": ""}, "STUDIO_STUDY_UNTIL"),
        ({"STUDIO_STUDY_UNTIL": "next summer"}, "STUDIO_STUDY_UNTIL"),
    ],
)
def test_a_study_that_could_not_be_explained_does_not_start(changes: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read_settings({**STUDY, **changes}, today=TODAY)

"""A sentence is one thing wherever it goes, and is read in the language of that place."""

from __future__ import annotations

import copy
import html
import json
import pickle
import threading
from datetime import UTC, date, datetime

import pytest
from babel.numbers import format_decimal
from pydantic import BaseModel, Field, ValidationError

from languages import saying
from languages.catalogue import LANGUAGES
from languages.saying import Said, When, Words, day_in, listed, named, put_together, say, say_many, speaking, spoken

GERMAN = {
    "The photo is {width} pixels wide.": ("Das Foto ist {width} Pixel breit.",),
    "{count} copy": ("{count} Kopie", "{count} Kopien"),
    "in {where}": ("in {where}",),
    "Orbit": ("Umlaufbahn",),
    "{most} and {last}": ("{most} und {last}",),
    "{share:.1f} of {all:,.0f}": ("{share:.1f} von {all:,.0f}",),
}


@pytest.fixture(autouse=True)
def _german(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of six sentences."""

    def translated(code: str, form: str, many: str, count: int | None) -> str:
        said = GERMAN.get(form, (form, many)) if code == "de" else (form, many)
        return said[0] if not many or count == 1 else said[1]

    monkeypatch.setattr(saying, "translated", translated)


def test_a_sentence_is_english_and_is_said_in_the_language_of_the_moment() -> None:
    sentence = say("The photo is {width} pixels wide.", width=5)
    assert sentence == "The photo is 5 pixels wide."
    assert f"{sentence}" == str(sentence) == "The photo is 5 pixels wide."
    with speaking("de"):
        assert f"<p>{sentence}</p>" == "<p>Das Foto ist 5 Pixel breit.</p>"
        assert type(str(sentence)) is str
        assert html.escape(say("in {where}", where="<b>")) == "in &lt;b&gt;"
        assert sentence + "!" == "Das Foto ist 5 Pixel breit.!"
        assert sentence == "The photo is 5 pixels wide.", "compared in English"
    assert str(sentence) == "The photo is 5 pixels wide."


def test_values_and_lists_are_said_in_the_same_language() -> None:
    where = say("in {where}", where=listed([named("Orbit"), "Rome"]))
    assert where == "in Orbit and Rome"
    with speaking("de"):
        assert str(where) == "in Umlaufbahn und Rome"
        assert str(put_together(where, "", where, between="; ")) == "in Umlaufbahn und Rome; in Umlaufbahn und Rome"


def test_what_counts_has_a_form_for_one_and_one_for_several() -> None:
    counted = [say_many("{count} copy", "{count} copies", number) for number in (0, 1, 2)]
    assert counted == ["0 copies", "1 copy", "2 copies"]
    with speaking("de"):
        assert [str(one) for one in counted] == ["0 Kopien", "1 Kopie", "2 Kopien"]


def test_a_worker_speaks_english_and_its_sentences_are_translated_where_they_are_read() -> None:
    found: list[str] = []

    def work() -> None:
        found.append(f"{say('in {where}', where=named('Orbit'))}")
        found.append(say("in {where}", where=named("Orbit")))

    with speaking("de"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert found[0] == "in Orbit"
        assert str(found[1]) == "in Umlaufbahn"


def test_an_answer_is_spoken_as_a_whole() -> None:
    orbit = named("Orbit")
    with speaking("de"):
        answer = spoken({"a": [orbit, (orbit, 1)], "b": None, "c": {"d": orbit}})
    assert json.dumps(answer) == '{"a": ["Umlaufbahn", ["Umlaufbahn", 1]], "b": null, "c": {"d": "Umlaufbahn"}}'


@pytest.mark.parametrize("code", LANGUAGES)
def test_numbers_have_the_signs_of_the_language(code: str) -> None:
    for value in (0.5, 1234.5, 1234567.0):
        with speaking(code):
            said = str(say("{value:,.1f}", value=value))
        if code == "es" and value < 10_000:
            continue  # Babel writes no point between four digits there; with one is allowed
        assert said == format_decimal(value, "#,##0.0", locale=code)
    with speaking(code):
        assert str(say("seed {seed}", seed=1234567)) == "seed 1234567", "what is a name is no number"


def test_sentences_outlive_pickles_copies_and_json() -> None:
    class Told(BaseModel):
        words: Words = Field(min_length=2)
        more: tuple[Words, ...] = ()

    sentence = say("in {where}", where=named("Orbit"))
    told = Told(words=sentence, more=(say_many("{count} copy", "{count} copies", 2), "plain {words}"))
    read = Told.model_validate_json(told.model_dump_json())
    for one in (pickle.loads(pickle.dumps(sentence)), copy.deepcopy(sentence), told.words, read.words):
        assert isinstance(one, Said)
        assert one == "in Orbit"
        with speaking("de"):
            assert str(one) == "in Umlaufbahn"
    with speaking("de"):
        assert [str(one) for one in read.more] == ["2 Kopien", "plain {words}"]
    assert told.model_dump()["words"] == "in Orbit"
    with pytest.raises(ValidationError):
        Told(words="x")


def test_days_are_said_in_the_way_of_each_language() -> None:
    when = When(datetime(2026, 11, 2, 13, 4, tzinfo=UTC), "2 November 2026, 13:04 UTC")
    said = {}
    for code in LANGUAGES:
        with speaking(code):
            said[code] = str(pickle.loads(pickle.dumps(when)))
    assert said["en"] == "2 November 2026, 13:04 UTC"
    assert said["de"] == "2. November 2026, 13:04 UTC"
    assert said["ja"] == "2026年11月2日, 13:04 UTC"


@pytest.mark.parametrize("code", ["xx", "", None, ["de"], "de-DE"])
def test_a_language_that_we_do_not_have_is_english(code: object) -> None:
    with speaking("de"), speaking(code):
        assert str(named("Orbit")) == "Orbit"


@pytest.mark.parametrize(
    ("code", "said"),
    [("en", "30 June 2027"), ("de", "30. Juni 2027"), ("pt-BR", "30 de junho de 2027"), ("qq", "2027-06-30")],
)
def test_a_day_is_said_in_any_language_that_is_known(code: str, said: str) -> None:
    assert day_in(code, date(2027, 6, 30)) == said

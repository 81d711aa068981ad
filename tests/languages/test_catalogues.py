"""Nothing that visitors read is left out of a language, and nothing in a catalogue is read by nobody."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from languages.__main__ import problems
from languages.catalogue import HERE, LANGUAGES
from languages.collecting import ROOMS, ROOT, NotWrittenOut, Sentence, in_python, in_scripts, sentences
from languages.syntax import parse

OTHERS = [code for code in LANGUAGES if code != "en"]
# What a visitor reads of it is `hint`, the first argument.
ERRORS = {
    "ConsentMissing", "PhotoError", "PhotoUnreadable", "RequestInvalid", "EngineError", "EngineUnavailable",
    "EngineBusy", "EngineFailed", "WordsRefused", "PictureRefused", "TooOften", "Cancelled", "SaveError", "PhotoHint",
}  # fmt: skip
# And programs, and researchers.
OPERATORS = (
    *("pipelines/hub/", "pipelines/__main__", "pipelines/board/__main__", "ui/blocks.py"),
    *("study/export/", "study/report/", "web/research", "web/models_page", "web/sign_in"),
)


@pytest.fixture(scope="module")
def wanted() -> list[Sentence]:
    return sentences()


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_is_translated_and_none_is_left_over(code: str, wanted: list[Sentence]) -> None:
    assert problems(code, wanted) == []


@pytest.mark.parametrize("code", OTHERS)
def test_most_translations_are_other_words(code: str, wanted: list[Sentence]) -> None:
    """A catalogue with the English in its place would pass all that is asked of it elsewhere."""
    from_file = (HERE / f"{code}.po").read_text("utf-8")
    long = [one.forms[0] for one in wanted if len(one.forms[0].split()) > 5]
    assert len(long) > 300
    same = [form for form in long if f'msgstr "{form}"' in from_file]
    assert same == []


def test_what_lacks_is_found(tmp_path: Path) -> None:
    asked = [
        Sentence(("Add a photo.",), "a.py"),
        Sentence(("{count} photo", "{count} photos"), "a.py"),
        Sentence(("Turn it by {degrees}.",), "a.py"),
        Sentence(("A guess.",), "a.py"),
        Sentence(("Not there.",), "a.py"),
    ]
    (tmp_path / "de.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Add a photo."\nmsgstr ""\n\n'
        'msgid "{count} photo"\nmsgid_plural "{count} photos"\nmsgstr[0] "ein Foto"\nmsgstr[1] ""\n\n'
        'msgid "Turn it by {degrees}."\nmsgstr "Um {grad} drehen."\n\n'
        '#, fuzzy\nmsgid "A guess."\nmsgstr "Vielleicht."\n\n'
        'msgid "Nobody."\nmsgstr "Niemand."\n',
        "utf-8",
    )
    assert problems("de", asked, tmp_path) == [
        "de: nobody says: Nobody.",
        "de: not translated: Add a photo.",
        "de: not translated: {count} photo",
        "de: there is no {grad}: Turn it by {degrees}.",
        "de: only a guess: A guess.",
        "de: not translated: Not there.",
    ]
    assert problems("fr", asked, tmp_path) == ["fr: there is no fr.po"]


def test_sentences_are_found_with_what_translators_need() -> None:
    source = (
        "# Translators: a button\n"
        'A = {\n    1: say("One " "two"),\n    2: say_many("{count} cat", "{count} cats", 3),\n}\n'
        'B = f(say("Outer {x}", x=say("Inner")))\n'
    )
    assert set(in_python(source, "a.py")) == {
        Sentence(("One two",), "a.py", ("a button",)),
        Sentence(("{count} cat", "{count} cats"), "a.py", ("a button",)),
        Sentence(("Outer {x}",), "a.py"),
        Sentence(("Inner",), "a.py"),
    }
    with pytest.raises(NotWrittenOut):
        list(in_python('say(f"{photo} is gone")', "a.py"))
    forms = {one.forms for one in in_scripts()}
    assert ("Take the photo",) in forms
    assert ("{count} style found.", "{count} styles found.") in forms
    assert any(form[0].startswith("A painting, a drawing") and form[0].endswith("portrait's file.") for form in forms)


def test_every_error_for_visitors_is_a_sentence_of_the_catalogue() -> None:
    """Its first argument is said, or comes from where it is said: never written out by itself."""
    found: list[str] = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(OPERATORS):
                continue
            for node in ast.walk(parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                    first = node.args[0] if node.args else None
                    sentence = next((one.value for one in node.keywords if one.arg in ("hint", "sentence")), first)
                    words = ast.unparse(sentence) if sentence is not None else ""
                    is_bare = isinstance(sentence, ast.Constant | ast.JoinedStr | ast.BinOp)
                    if is_bare and "STUDIO_" not in words:  # a setting is named to operators
                        found.append(f"{name}:{node.lineno} {words[:60]}")
    assert found == []

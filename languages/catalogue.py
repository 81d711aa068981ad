"""The catalogues: languages/CODE.po, in gettext's format, read when the first sentence in that language is said."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

HERE = Path(__file__).parent
SCRIPTS = "ui/static/"  # in a catalogue, the place of what they say
LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "ja": "日本語"}  # by their own names


@cache
def catalogue(code: str) -> Catalog:
    """All that is translated into a language; nothing where there is no file."""
    path = HERE / f"{code}.po"
    if not path.exists():
        return Catalog(locale=code)
    with path.open("rb") as file:
        return read_po(file, locale=code)


@cache
def _forms(code: str) -> dict[str, tuple[str, ...]]:
    """What is said for each form: as many as the language has plurals, where something is counted."""
    found: dict[str, tuple[str, ...]] = {}
    for message in catalogue(code):
        said = words_of(message)
        if message.id and all(said) and not message.fuzzy:
            found[first_form(message)] = said
    return found


def first_form(message: Message) -> str:
    """The form by which a message is found: that of one, where it counts."""
    return message.id if isinstance(message.id, str) else message.id[0]


def words_of(message: Message) -> tuple[str, ...]:
    """What is said for a message: one translation, or one for each plural."""
    said = (message.string,) if isinstance(message.string, str) else message.string or ("",)
    return tuple(one if isinstance(one, str) else "" for one in said)


@cache
def _locale(code: str) -> Locale:
    return Locale.parse(code)


def plural_index(code: str, count: int) -> int:
    """Which of a message's forms is for so many: 0 for one, where the language tells one from several."""
    return 0 if code == "ja" or _locale(code).plural_form(count) == "one" else 1


def translated(code: str, form: str, many: str, count: int | None) -> str:
    """The form in another language, or as it is where nobody has translated it."""
    said = _forms(code).get(form)
    if said is None:
        return form if not many or count == 1 else many
    return said[min(plural_index(code, count), len(said) - 1)] if many and count is not None else said[0]


@cache
def for_scripts(code: str) -> bytes:
    """What the page's scripts say in a language: JSON, the words of each form by its English."""
    known = _forms(code)
    firsts = (
        first_form(message)
        for message in catalogue(code)
        if message.id and any(file.startswith(SCRIPTS) for file, _ in message.locations)
    )
    said = {form: known[form] for form in firsts if form in known}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()

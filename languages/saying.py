"""Sentences that are said in the language of whoever reads them.

`say("The photo is {width} pixels wide.", width=5)` is a str that holds the English sentence and remembers its form and
its values. It can be raised, kept and passed on, through threads too; what it is put into (`str`, an f-string, HTML, an
answer that goes through `spoken`) has it in the language of that moment, which `speaking` sets and which is English
where nobody has set one: in logs, files and on the command line.

Each form is an entry of languages/*.po, by `python -m languages`; a comment before it that begins with `Translators:`
is for those who translate.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import Annotated, Any, Self

from babel.core import UnknownLocaleError
from babel.dates import format_date
from pydantic import PlainSerializer, WrapValidator

from languages.catalogue import LANGUAGES, translated

ENGLISH = "en"
_now: ContextVar[str] = ContextVar("language", default=ENGLISH)
# Decimal and thousands' signs; Babel's tables say the same (tests/languages/test_saying.py).
_SIGNS = {"en": (".", ","), "de": (",", "."), "fr": (",", "\u202f"), "es": (",", "."), "ja": (".", ",")}


def language() -> str:
    """What is spoken here and now: one of LANGUAGES."""
    return _now.get()


@contextmanager
def speaking(code: object) -> Iterator[None]:
    """Speak a language within.

    Args:
        code: One of LANGUAGES; any other is English.
    """
    before = _now.set(code if isinstance(code, str) and code in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _now.reset(before)


class _Filling(string.Formatter):
    """Fills a form in. Numbers with a format of their own have the signs of the language: 0,5 for 0.5."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool) and format_spec:
            point, thousands = _SIGNS[language()]
            return format(value, format_spec).translate({ord("."): point, ord(","): thousands})
        return str(format(value, format_spec))


_filling = _Filling()


class Said(str):
    """A sentence in English that is put into other words, as `str` or in an f-string, in the language spoken there.

    What compares or looks it up (`==`, `in`, a dict) sees the English one. `" ".join` and `json.dumps` do, too: give
    them `spoken` values.

    Attributes:
        form: With {placeholders}; of one where there is a `many`.
        many: The form of several; "" where nothing is counted.
        values: What stands in for the placeholders; `count` chooses between the forms.
    """

    form: str
    many: str
    values: Mapping[str, Any]

    def __new__(cls, form: str, many: str = "", values: Mapping[str, Any] | None = None) -> Self:
        values = values or {}
        with speaking(ENGLISH):
            made = super().__new__(cls, _filled(form if not many or values["count"] == 1 else many, values))
        made.form, made.many, made.values = form, many, values
        return made

    def __str__(self) -> str:
        code = language()
        if code == ENGLISH:
            return str.__str__(self)
        return _filled(translated(code, self.form, self.many, self.values.get("count")), self.values)

    def __format__(self, format_spec: str) -> str:
        return format(str(self), format_spec)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.form, self.many, dict(self.values))

    def __deepcopy__(self, memo: dict[int, Any]) -> Said:
        return self  # as any other str

    def filled(self, **values: Any) -> Said:
        """The same sentence with other values."""
        return Said(self.form, self.many, {**self.values, **values})

    def __add__(self, other: str) -> str:
        return f"{self}{other}"

    def __radd__(self, other: str) -> str:
        return f"{other}{self}"


def day_in(code: str, day: date) -> str:
    """A day in the way of a language, its month as a word.

    Args:
        code: Of any language; where nothing is known of it, the day is said as 2027-12-31.
    """
    try:
        return format_date(day, "long", locale="en_GB" if code == ENGLISH else code.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return day.isoformat()


class When(Said):
    """A day and a time, in the way of each language.

    Args:
        when: The moment, in the zone in which it is to be said.
        english: How it is said in English.
    """

    def __new__(cls, when: datetime, english: str) -> Self:
        made = super().__new__(cls, english.replace("{", "{{").replace("}", "}}"))
        made.values = {"when": when}
        return made

    def __str__(self) -> str:
        code, when = language(), self.values["when"]
        if code == ENGLISH:
            return str.__str__(self)
        zone = " UTC" if when.tzinfo and not when.utcoffset() else ""
        return f"{format_date(when, 'long', locale=code)}, {when:%H:%M}{zone}"

    def __reduce__(self) -> tuple[Any, ...]:
        return When, (self.values["when"], str.__str__(self))


def _changing(name: str) -> Callable[..., Any]:
    plain = getattr(str, name)

    def method(self: Said, *args: Any, **kwargs: Any) -> Any:
        return plain(str(self), *args, **kwargs)

    method.__name__, method.__doc__ = name, plain.__doc__
    return method


# What makes other words of it, html.escape among them, makes them of those that are spoken.
for _name in ("replace", "lower", "upper", "capitalize", "strip", "rstrip", "lstrip", "removesuffix", "removeprefix",
              "partition", "rpartition", "split", "splitlines", "expandtabs", "encode", "translate"):  # fmt: skip
    setattr(Said, _name, _changing(_name))


def say(form: str, /, **values: Any) -> Said:
    """A sentence. `form` must be written out where it is said, so that it is found for the catalogue."""
    return Said(form, values=values)


def say_many(one: str, many: str, /, count: int, **values: Any) -> Said:
    """A sentence that counts: `one` where `count` is 1, else `many`; both may hold {count}."""
    return Said(one, many, {"count": count, **values})


def named(words: str) -> Said:
    """Words from a file of presets/, which the catalogue has collected there."""
    return words if isinstance(words, Said) else Said(words.replace("{", "{{").replace("}", "}}"))


def put_together(*parts: str, between: str = " ") -> Said:
    """Sentences one after the other, those that are not empty."""
    there = {f"part{number}": part for number, part in enumerate(parts) if part}
    return Said(between.join(f"{{{name}}}" for name in there), values=there)


def listed(parts: Sequence[str], *, either: bool = False) -> str:
    """Things one after the other: "one, two and three", or "one, two or three" where it is one of them."""
    if not parts:
        return ""
    *first, last = parts
    if not first:
        return last
    most = first[0]
    for one in first[1:]:
        most = say("{first}, {second}", first=most, second=one)
    return say("{most} or {last}", most=most, last=last) if either else say("{most} and {last}", most=most, last=last)


def number(value: float, spec: str) -> Said:
    """A number by itself, such as `number(0.5, ".2f")`."""
    return Said(f"{{value:{spec}}}", values={"value": value})


def spoken(value: Any) -> Any:
    """Dicts, lists and tuples with all sentences in them as plain text of the language that is spoken now."""
    if isinstance(value, Said):
        return str(value)
    if isinstance(value, dict):
        return {key: spoken(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [spoken(inner) for inner in value]
    if isinstance(value, tuple):
        inner_values = [spoken(inner) for inner in value]
        return type(value)(*inner_values) if hasattr(value, "_fields") else tuple(inner_values)
    return value


def _filled(form: str, values: Mapping[str, Any]) -> str:
    return _filling.vformat(form, (), values) if values or "{" in form else form


def _checked(value: Any, check: Callable[[Any], str]) -> Said:
    """A sentence as a field of a pydantic model, which would make a plain str of it; also one that was written down."""
    if isinstance(value, dict):
        value = _read(value)
    words = check(value)
    return value if isinstance(value, Said) else named(words)


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        return Said(str(value["form"]), str(value["many"]), {k: _read(v) for k, v in value["values"].items()})
    return named(value) if isinstance(value, str) else value


def _written(value: Any) -> Any:
    """For JSON: English, and what else it takes to say it otherwise later."""
    if isinstance(value, Said) and value.values and not isinstance(value, When):
        values = {name: _written(inner) for name, inner in value.values.items()}
        return {"said": str.__str__(value), "form": value.form, "many": value.many, "values": values}
    return str.__str__(value) if isinstance(value, str) else value


# A field of a pydantic model: a sentence that stays one, also through JSON.
Words = Annotated[
    str, WrapValidator(_checked), PlainSerializer(_written, return_type=Any, when_used="json-unless-none")
]

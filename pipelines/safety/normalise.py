"""One text in the spellings that a rule should be tried on: case, accents, look-alike letters, leetspeak, spacing.

Rules are normalised by `fold`, texts by `views`; a rule that matches any view matches the text. Look-alikes follow the
idea of the skeleton in Unicode Technical Standard 39 (confusable detection), with the letters that matter here as data.
"""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

_DATA = Path(__file__).parent / "policy" / "confusables.toml"

# Marks that make another letter of Japanese and may not be stripped: the voiced and semi-voiced sound marks.
_KEPT_MARKS = "\u3099\u309a"
_PLAIN_LETTER = re.compile(
    r"LATIN (?:SMALL|CAPITAL) LETTER (?:DOTLESS )?([A-Z])(?: WITH .+)?$"
    r"|LATIN LETTER SMALL CAPITAL ([A-Z])$"
    r"|(?:NEGATIVE .+|REGIONAL INDICATOR SYMBOL) LETTER ([A-Z])$"
)
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
# No character fits into two parts of this that stand side by side: otherwise a line of them takes exponential time.
_SPELLED = re.compile(r"(?<![^\W_])(?:[^\W_][\W_]+){2,}[^\W_](?![^\W_])")
_INSIDE = re.compile(rf"(?<=\w)[.*~^|'’`´·•+\-_]+(?=\w)|(?<=[{CJK}])[\s·・.]+(?=[{CJK}])")
_RUN = re.compile(r"([^\W\d_])\1{2,}")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_MEETING = re.compile(rf"(?<=[{CJK}])(?=[^\W{CJK}])|(?<=[^\W{CJK}])(?=[{CJK}])")


@functools.cache
def _tables() -> dict[str, dict[str, str]]:
    with _DATA.open("rb") as file:
        return tomllib.load(file)


@functools.cache
def _translations() -> tuple[dict[int, str], ...]:
    """For str.translate: look-alikes to Latin, look-alikes to Cyrillic, leetspeak with 1 as i, and with 1 as l."""
    latin, leet = _tables()["latin"], _tables()["leet"]
    # The first Cyrillic letter that looks like a Latin one is the one that Russian has.
    cyrillic = {look: letter for letter, look in reversed(latin.items()) if _CYRILLIC.match(letter)}
    tables = [latin, cyrillic, *({**leet, "1": one, "|": one} for one in "il")]
    return tuple({ord(letter): look for letter, look in table.items()} for table in tables)


@functools.lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    """The letter without what only decorates it: ł is l, ɴ is n. Others stay."""
    known = _tables()["letters"].get(character)
    if known is not None:
        return known
    if character.isascii():
        return character
    match = _PLAIN_LETTER.match(unicodedata.name(character, ""))
    return next(group for group in match.groups() if group).lower() if match else character


def fold(text: str) -> str:
    """The text in one case, without accents, invisible characters or compatibility forms (NFKC).

    Marks are stripped from every script but Japanese, whose voicing marks make another letter. Where Chinese, Japanese
    or Korean meets another script a space is put, so that a Latin word has its boundary there.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = [
        _plain(character)
        for character in unicodedata.normalize("NFD", text)
        if unicodedata.category(character) not in ("Mn", "Me", "Cf") or character in _KEPT_MARKS
    ]
    return _MEETING.sub(" ", unicodedata.normalize("NFC", "".join(kept)))


def views(text: str) -> tuple[str, ...]:
    """Every spelling that rules are tried on, each once, the plainest first."""
    return tuple(dict.fromkeys(_views(fold(text))))


def _views(plain: str) -> Iterator[str]:
    to_latin, to_cyrillic, *leets = _translations()
    latin = plain.translate(to_latin)
    bases = [plain, latin, *(_unleet(latin, leet) for leet in leets)]
    if _CYRILLIC.search(plain):  # Latin letters hidden in Cyrillic words
        bases.append(plain.translate(to_cyrillic))
    for base in dict.fromkeys(bases):
        yield base.replace("_", " ")
        yield _INSIDE.sub("", base).replace("_", " ")
        yield _SPELLED.sub(_joined, base)
        if _RUN.search(base):
            yield _RUN.sub(r"\1", base)
            yield _RUN.sub(r"\1\1", base)


def _unleet(text: str, table: dict[int, str]) -> str:
    """Digits and signs that stand for letters, in words that have letters as well: n4ked, but not 85 mm."""

    def word(match: re.Match[str]) -> str:
        token = match[0].rstrip("!+|")
        has_letter = any(character.isalpha() for character in token)
        return token.translate(table) + match[0][len(token) :] if has_letter else match[0]

    return re.sub(r"\S+", word, text)


def _joined(match: re.Match[str]) -> str:
    """A word that was spelled out (n u d e), also without a first or last letter that was a word of its own (a, I)."""
    word = re.sub(r"[\W_]+", "", match[0])
    return f"{word} {word[1:]} {word[:-1]}"

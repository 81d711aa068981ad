"""The prompt policy: which of a visitor's own words are refused, and the sentence that says why.

Works offline, from the data files in policy/: one a language, one of public figures, one of sentences. Words are looked
for between word boundaries, so that Essex and Scunthorpe pass; Chinese and Japanese, which have none, use longer words.

How a word is written in a data file: case and accents do not matter; `word*` takes any ending; a space takes any
separators; `{age}` is a number under 18, in digits or in words; `{child}` is a word for a child.

`harmless` phrases are taken out before anything is looked for, and so are `accented` words, for which accents do
matter: Turkish göre is not gore. `doubtful` phrases are taken out only where no word for a person or a body stands
beside them, nor "only": naked branches, but not with a woman. Words of `beachwear` are refused only near a word for a
child, and not where the visitor is with their own (`family`).
"""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from languages.saying import Words, put_together, say
from pipelines.errors import PresetError
from pipelines.results import Refusal, RefusalCategory
from pipelines.safety.normalise import CJK, fold, views

FOLDER = Path(__file__).parent / "policy"

_Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
_Word = Annotated[str, StringConstraints(min_length=1, max_length=80)]
_DIGITS = r"(?<!\d)(?:1[0-7]|\d)(?!\d)"
_COUNTED = "一二三四五六七八九十百千"  # 二十歳 is not 十歳
_NEAR = 8  # words between a child and beachwear that still belong together
_GAP = "\u00a4"  # stands where a harmless phrase was; in no word
_CHILD = "\u2042"  # stands after a word for a child that only accents tell from others
T = TypeVar("T", bound=BaseModel)


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Data):
    """Words that are refused for one reason."""

    id: _Id
    category: RefusalCategory
    words: tuple[_Word, ...] = Field(min_length=1)


class Language(_Data):
    """policy/languages/<code>.toml."""

    language: str
    ages: tuple[_Word, ...] = Field((), description="Numbers under 18 in words, for {age}.")
    child: tuple[_Word, ...] = Field(description="Words for a child; refused only together with sexual ones.")
    accented_child: tuple[_Word, ...] = Field((), description="Words for a child that only accents tell from others.")
    family: tuple[_Word, ...] = Field((), description="With {child}: the visitor is with a child of their own.")
    suggestive: tuple[_Word, ...] = Field(description="Refused only together with words for a child.")
    beachwear: tuple[_Word, ...] = Field((), description="Little clothing as on a beach; refused only near a child.")
    harmless: tuple[_Word, ...] = Field(description="Phrases with a refused word in them that mean something else.")
    doubtful: tuple[_Word, ...] = Field((), description="The same, but only where no word of `person` is there.")
    person: tuple[_Word, ...] = Field((), description="A person, a body, nothing else: what ends a doubtful excuse.")
    accented: tuple[_Word, ...] = Field((), description="Harmless words that only accents tell from refused ones.")
    apart: tuple[_Word, ...] = Field((), description="Two ordinary words that written together would be refused.")
    rule: tuple[Rule, ...]


class Group(_Data):
    """Public figures with one reason to protect them."""

    id: _Id
    reason: str = Field(min_length=20)
    source: str = Field(min_length=10)
    names: tuple[_Word, ...] = Field(min_length=1)


class PublicFigures(_Data):
    """policy/public-figures.toml."""

    harmless: tuple[_Word, ...]
    exact: tuple[_Word, ...] = Field(description="Names of ordinary words: only in this order, with nothing between.")
    joining: tuple[_Word, ...] = Field(description="Words that stand between two people, not within a name.")
    group: tuple[Group, ...]


class Sentences(_Data):
    """policy/sentences.toml: what a visitor reads, by category."""

    sentence: dict[RefusalCategory, Words]
    advice: Words


@dataclass(frozen=True)
class _Matcher:
    """One regular expression for many words, and those without wildcards, for words with letters blotted out."""

    expression: re.Pattern[str]
    whole: frozenset[str]


@dataclass(frozen=True)
class _Compiled:
    """A rule ready to be looked for. Its id has the file's name in front."""

    id: str
    category: RefusalCategory
    matcher: _Matcher


_Hit = tuple[_Compiled, str]  # a rule and what it found


class PromptPolicy:
    """Reviews words, never pictures. Safe for many threads.

    Args:
        folder: The data files.

    Raises:
        PresetError: One of them is wrong. Names file and field.
    """

    id = "prompt-policy"
    name: str = say("Word list")
    is_quick = True

    def __init__(self, folder: Path = FOLDER) -> None:
        files = sorted((folder / "languages").glob("*.toml"))
        languages = {path.stem: _read(path, Language) for path in files}
        figures = _read(folder / "public-figures.toml", PublicFigures)
        self._sentences = _read(folder / "sentences.toml", Sentences)
        self.languages = tuple(language.language for language in languages.values())
        self._rules = [
            _Compiled(f"{code}/{rule.id}", rule.category, _matcher(rule.words))
            for code, language in languages.items()
            for rule in language.rule
        ]
        self._rules += [
            _Compiled(f"figures/{group.id}", "public-figure", _names(group.names, figures)) for group in figures.group
        ]
        self._vocabulary = frozenset().union(*(rule.matcher.whole for rule in self._rules))
        every = list(languages.values())
        children = [_matcher((*one.child, _CHILD), fills={"{age}": _age(one.ages)}) for one in every]
        self._child = _either(children)
        self._family = _either(
            _matcher(one.family, fills={"{child}": rf"(?:[^\W_]+[ -]+)?(?:{child.expression.pattern})"})
            for one, child in zip(every, children, strict=True)
        )
        self._suggestive = _matcher(word for one in every for word in one.suggestive).expression
        self._beachwear = _matcher(word for one in every for word in one.beachwear).expression
        self._person = _matcher(word for one in every for word in one.person).expression
        sure = [*(word for one in every for word in one.harmless), *figures.harmless]
        self._harmless = _matcher(sure).expression
        self._excused = _matcher([*sure, *(word for one in every for word in one.doubtful)]).expression
        self._accented = _exactly(word for one in every for word in one.accented)
        self._accented_child = _exactly(word for one in every for word in one.accented_child)
        self._apart = frozenset(fold(pair) for one in every for pair in one.apart)

    def review_words(self, text: str) -> Refusal | None:
        """Why a text is refused, or None. The gravest reason is given where there are several.

        Args:
            text: In any language and spelling, a few thousand characters at most.
        """
        texts = self._spellings(text)
        meant = {*_blotted(texts, self._vocabulary), *_halved(texts, self._apart, self._vocabulary)}
        hits = [hit for rule in self._rules if (hit := self._hit(rule, texts, meant))]
        if found := self._sexualised(texts, hits):
            return self._refusal("minors", "all/child-sexualised", found)
        if not hits:
            return None
        rule, found = min(hits, key=lambda hit: _GRAVEST.index(hit[0].category))
        return self._refusal(rule.category, rule.id, found)

    def why_not(self) -> str:
        """Nothing keeps it from working: its data ships with the studio."""
        return ""

    def _spellings(self, text: str) -> list[str]:
        """Every spelling of a text, with a gap for what is excused."""
        spelled = self._accented.sub(_GAP, unicodedata.normalize("NFC", text).casefold())
        plain = fold(self._accented_child.sub(rf"\g<0> {_CHILD}", spelled))
        # Gaps come before the views as well, for those close up "pussy-willow".
        person = any(self._person.search(view) for view in views(self._excused.sub(_GAP, plain)))
        excused = self._harmless if person else self._excused
        return [excused.sub(_GAP, view) for view in views(excused.sub(_GAP, plain))]

    def _sexualised(self, texts: list[str], hits: list[_Hit]) -> str | None:
        """The words that name a child together with sexual or, near it, revealing ones."""
        child = _first(self._child, texts)
        if child is None:
            return None
        sexual = next((found for rule, found in hits if rule.category == "sexual"), _first(self._suggestive, texts))
        if sexual is not None:
            return f"{child} ... {sexual}"
        strangers = [self._family.sub(_GAP, view) for view in texts]
        near = any(_are_near(self._child, self._beachwear, view) for view in strangers)
        return f"{child} ... {_first(self._beachwear, texts)}" if near else None

    def _hit(self, rule: _Compiled, texts: list[str], meant: set[str]) -> _Hit | None:
        found = _first(rule.matcher.expression, texts) or min(rule.matcher.whole & meant, default=None)
        return (rule, found) if found else None

    def _refusal(self, category: RefusalCategory, rule: str, found: str) -> Refusal:
        sentence = put_together(self._sentences.sentence[category], self._sentences.advice)
        return Refusal(category=category, reviewer=self.id, rule=rule, sentence=sentence, found=found)


_GRAVEST: tuple[RefusalCategory, ...] = ("minors", "sexual", "hate", "gore", "public-figure")


@functools.cache
def default_policy() -> PromptPolicy:
    """The policy that ships with the studio, read once."""
    return PromptPolicy()


def _read(path: Path, kind: type[T]) -> T:
    name = f"policy/{path.name}"
    try:
        return kind.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "file"
        raise PresetError(f"{name}, field {where}: {error.errors()[0]['msg']}.") from error
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise PresetError(f"{name} cannot be read; restore it and start again.", detail=repr(error)) from error


def _matcher(words: Iterable[str], glue: str = r"[\W_]+", fills: dict[str, str] | None = None) -> _Matcher:
    folded = sorted({fold(word) for word in words}, key=lambda word: (-len(word), word))
    # What must stand before a word is asked once for all words: asked of each, it took seconds for 400 characters.
    bodies: dict[str, list[str]] = {}
    for word in folded:
        before, body = _pattern(word, glue, fills or {"{age}": _DIGITS})
        bodies.setdefault(before, []).append(body)
    expression = re.compile("|".join(f"{before}(?:{'|'.join(found)})" for before, found in bodies.items()) or r"(?!)")
    return _Matcher(expression, frozenset(word for word in folded if len(word) > 2 and word.isalpha()))


def _names(names: Iterable[str], figures: PublicFigures) -> _Matcher:
    """Names in any spacing; those of two words also turned round, or with one word between."""
    found = list(names)
    for name in found[:]:
        first, *rest = name.split()
        if len(rest) == 1 and name not in figures.exact and "*" not in name:
            found += [f"{rest[0]} {first}", f"{first} {{between}} {rest[0]}"]
    joining = "|".join(re.escape(fold(word)) for word in figures.joining)
    return _matcher(found, glue=r"[\W_]*", fills={"{between}": rf"(?!(?:{joining})\b)[^\W_]+"})


def _age(words: Iterable[str]) -> str:
    """A regular expression for a number under 18."""
    folded = sorted((fold(word) for word in words), key=len, reverse=True)
    spelled = "|".join(re.escape(word).replace(r"\ ", r"[\W_]+") for word in folded)
    return rf"(?:{_DIGITS}|(?<![{_COUNTED}a-z])(?:{spelled or '(?!)'}))"


def _exactly(words: Iterable[str]) -> re.Pattern[str]:
    """A regular expression for words with their accents."""
    every = "|".join(re.escape(word).replace(r"\*", r"\w*") for word in words)
    return re.compile(rf"(?<!\w)(?:{every or '(?!)'})(?!\w)")


def _either(matchers: Iterable[_Matcher]) -> re.Pattern[str]:
    return re.compile("|".join(matcher.expression.pattern for matcher in matchers))


def _pattern(word: str, glue: str, fills: dict[str, str]) -> tuple[str, str]:
    """Regular expressions for what must stand before a word of a data file, already folded, and for the word."""
    body = glue.join(_part(part, fills) for part in word.split())
    first, last = word[0], word.rstrip("*")[-1]
    counted = re.match(rf"{{age}}[{CJK}]", word)
    if re.match(f"[{CJK}]", first):
        before = r"(?<![ァ-ヺー])" if "ァ" <= first <= "ヺ" else ""
    elif "\u0600" <= first <= "\u06ff":  # and, so, with, for, like, the: written together with the word
        before = r"(?<!\w)(?:[وف]?(?:[بك]?ال|لل|[بكل])?)"
    else:
        before = r"(?<!\w)" if first.isalnum() or (first == "{" and not counted) else ""
    after = r"(?!\w)" if last.isalnum() and not re.match(f"[{CJK}]", last) else ""
    return before, body + after


def _part(part: str, fills: dict[str, str]) -> str:
    pieces = re.split("({[a-z]+})", part.rstrip("*"))
    filled = [fills.get(piece) or re.escape(piece) for piece in pieces if piece]
    return r"\s*".join(filled) + (r"\w*" if part.endswith("*") else "")


def _first(expression: re.Pattern[str], texts: Iterable[str]) -> str | None:
    """What an expression finds in the first text in which it finds anything."""
    return next((match[0] for text in texts if (match := expression.search(text))), None)


def _are_near(one: re.Pattern[str], other: re.Pattern[str], text: str) -> bool:
    """Whether words of both stand at most `_NEAR` words apart."""
    words = [match.start() for match in re.finditer(r"\w+", text)]
    places = sorted(
        (bisect_right(words, match.start()), which)
        for which, expression in enumerate((one, other))
        for match in expression.finditer(text)
    )
    return any(left[1] != right[1] and right[0] - left[0] <= _NEAR for left, right in pairwise(places))


def _blotted(texts: Iterable[str], vocabulary: Iterable[str]) -> set[str]:
    """The words that one with letters blotted out by asterisks (n*de) can be meant as."""
    tokens = {token.strip("*") for text in texts if "*" in text for token in re.findall(r"[\w*]+", text)}
    meant = [
        re.escape(token).replace(r"\*", r"\w")
        for token in sorted(tokens)
        if "*" in token and sum(character.isalpha() for character in token) >= 2
    ]
    expression = re.compile("|".join(meant))
    return {word for word in vocabulary if expression.fullmatch(word)} if meant else set()


def _halved(texts: Iterable[str], apart: frozenset[str], vocabulary: frozenset[str]) -> set[str]:
    """The words of four letters and more that were written as two halves (na ked)."""
    halves = re.compile(r"(?<!\w)([^\W_]{2,})(?=\s+([^\W_]{2,})(?!\w))")
    pairs = {match.groups() for text in texts for match in halves.finditer(text)}
    return {one + two for one, two in pairs if one + two in vocabulary and f"{one} {two}" not in apart}

"""The prompt policy: which of a visitor's own words are refused, and the sentence that says why.

Works offline, from the data files in policy/: one a language, one of public figures, one of sentences. Words are looked
for between word boundaries, so that Essex and Scunthorpe pass; Chinese and Japanese, which have none, use longer words.

How a word is written in a data file: case and accents do not matter; `word*` takes any ending; a space takes any
separators; `{age}` is a number under 18. `harmless` phrases are taken out before anything is looked for, and so are
`accented` words, for which accents do matter: Turkish göre is not gore.
"""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipelines.errors import PresetError
from pipelines.safety.normalise import CJK, fold, views
from pipelines.schema import Refusal, RefusalCategory

FOLDER = Path(__file__).parent / "policy"

_Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
_Word = Annotated[str, StringConstraints(min_length=1, max_length=80)]
_AGE = r"(?<!\d)(?:1[0-7]|\d)(?!\d)\s*"
_GAP = "\u00a4"  # stands where a harmless phrase was; in no word
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
    child: tuple[_Word, ...] = Field(description="Words for a child; refused only together with sexual ones.")
    suggestive: tuple[_Word, ...] = Field(description="Refused only together with words for a child.")
    harmless: tuple[_Word, ...] = Field(description="Phrases with a refused word in them that mean something else.")
    accented: tuple[_Word, ...] = Field((), description="Harmless words that only accents tell from refused ones.")
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
    group: tuple[Group, ...]


class Sentences(_Data):
    """policy/sentences.toml: what a visitor reads, by category."""

    sentence: dict[RefusalCategory, str]
    advice: str


@dataclass(frozen=True)
class _Matcher:
    """One regular expression for many words, and those without wildcards, for words with letters blotted out."""

    expression: re.Pattern[str]
    whole: frozenset[str]

    def find(self, text: str) -> str | None:
        match = self.expression.search(text)
        return match[0] if match else None


@dataclass(frozen=True)
class _Compiled:
    """A rule ready to be looked for. Its id has the file's name in front."""

    id: str
    category: RefusalCategory
    matcher: _Matcher


class PromptPolicy:
    """Reviews words, never pictures. Safe for many threads.

    Args:
        folder: The data files.

    Raises:
        PresetError: One of them is wrong. Names file and field.
    """

    id = "prompt-policy"
    name = "Word list"

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
            _Compiled(f"figures/{group.id}", "public-figure", _matcher(group.names, glue=r"[\W_]*"))
            for group in figures.group
        ]
        every = languages.values()
        self._child = _matcher(word for language in every for word in language.child)
        self._suggestive = _matcher(word for language in every for word in language.suggestive)
        harmless = [word for language in every for word in language.harmless] + [*figures.harmless]
        self._harmless = _matcher(harmless).expression
        accented = "|".join(re.escape(word).replace(r"\*", r"\w*") for language in every for word in language.accented)
        self._accented = re.compile(rf"(?<!\w)(?:{accented or '(?!)'})(?!\w)")

    def review_words(self, text: str) -> Refusal | None:
        """Why a text is refused, or None. The gravest reason is given where there are several.

        Args:
            text: In any language and spelling, a few thousand characters at most.
        """
        spelled = self._accented.sub(_GAP, unicodedata.normalize("NFC", text).casefold())
        plain = self._harmless.sub(_GAP, fold(spelled))  # before the views, which close up "pussy-willow"
        texts = [self._harmless.sub(_GAP, view) for view in views(plain)]
        blotted = _blotted(texts)
        hits = [hit for rule in self._rules if (hit := self._hit(rule, texts, blotted))]
        child = next((found for view in texts if (found := self._child.find(view))), None)
        if child is not None:
            suggestive = next((found for view in texts if (found := self._suggestive.find(view))), None)
            with_child = next((found for rule, found in hits if rule.category == "sexual"), suggestive)
            if with_child is not None:
                return self._refusal("minors", "all/child-sexualised", f"{child} ... {with_child}")
        if not hits:
            return None
        rule, found = min(hits, key=lambda hit: _GRAVEST.index(hit[0].category))
        return self._refusal(rule.category, rule.id, found)

    def review_picture(self, picture: Image.Image) -> Refusal | None:
        """None: this reviewer reads words only."""
        return None

    def judges(self) -> Literal["words"]:
        """What this reviewer looks at."""
        return "words"

    def why_not(self) -> str:
        """Nothing keeps it from working: its data ships with the studio."""
        return ""

    def _hit(self, rule: _Compiled, texts: list[str], blotted: re.Pattern[str]) -> tuple[_Compiled, str] | None:
        for text in texts:
            if found := rule.matcher.find(text):
                return rule, found
        return next(((rule, word) for word in rule.matcher.whole if blotted.fullmatch(word)), None)

    def _refusal(self, category: RefusalCategory, rule: str, found: str) -> Refusal:
        sentence = f"{self._sentences.sentence[category]} {self._sentences.advice}"
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


def _matcher(words: Iterable[str], glue: str = r"[\W_]+") -> _Matcher:
    folded = sorted({fold(word) for word in words}, key=lambda word: (-len(word), word))
    # What must stand before a word is asked once for all words: asked of each, it took seconds for 400 characters.
    bodies: dict[str, list[str]] = {}
    for word in folded:
        before, body = _pattern(word, glue)
        bodies.setdefault(before, []).append(body)
    expression = re.compile("|".join(f"{before}(?:{'|'.join(found)})" for before, found in bodies.items()) or r"(?!)")
    return _Matcher(expression, frozenset(word for word in folded if len(word) > 2 and word.isalpha()))


def _pattern(word: str, glue: str) -> tuple[str, str]:
    """Regular expressions for what must stand before a word of a data file, already folded, and for the word."""
    body = glue.join(_part(part) for part in word.split())
    first, last = word[0], word.rstrip("*")[-1]
    if re.match(f"[{CJK}]", first):
        before = r"(?<![ァ-ヺー])" if "ァ" <= first <= "ヺ" else ""
    elif "\u0600" <= first <= "\u06ff":  # and, so, with, for, like, the: written together with the word
        before = r"(?<!\w)(?:[وف]?(?:[بك]?ال|لل|[بكل])?)"
    else:
        before = r"(?<!\w)" if first.isalnum() or first == "{" else ""
    after = r"(?!\w)" if last.isalnum() and not re.match(f"[{CJK}]", last) else ""
    return before, body + after


def _part(part: str) -> str:
    pieces = [re.escape(piece) for piece in part.rstrip("*").split("{age}")]
    return _AGE.join(pieces) + (r"\w*" if part.endswith("*") else "")


def _blotted(texts: Iterable[str]) -> re.Pattern[str]:
    """What the words with letters blotted out by asterisks (n*de) can be meant as."""
    tokens = {token.strip("*") for text in texts if "*" in text for token in re.findall(r"[\w*]+", text)}
    meant = [
        re.escape(token).replace(r"\*", r"\w")
        for token in sorted(tokens)
        if "*" in token and sum(character.isalpha() for character in token) >= 2
    ]
    return re.compile("|".join(meant) or r"(?!)")

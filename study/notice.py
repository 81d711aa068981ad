"""The text that a visitor agrees to, from study/consent.toml: versioned, hashed, and filled in for this studio.

The file carries the SHA-256 of its own words. A changed word without a new hash is an error at start, so that nobody
agrees to a text that is filed under an old version. What a visitor agrees to has a hash of its own, over the words as
they were shown, with the operator's name and the terms of the study.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import Field, ValidationError

from languages.catalogue import LANGUAGES
from languages.saying import ENGLISH, say, say_many, speaking
from pipelines.errors import PresetError
from pipelines.schema import Purpose, Value
from pipelines.settings import AWAY_SECONDS
from study.settings import OperatorSettings

CONSENT_FILE = Path(__file__).with_name("consent.toml")
DEFAULT_MINUTES = 60


class PurposeText(Value):
    """One tick: what it allows, and whether there are portraits without it."""

    id: Purpose
    label: str = Field(min_length=10)
    needed: bool = False


class Section(Value):
    """One paragraph.

    Attributes:
        study: Shown only with a study (true), only without one (false), or always (left out).
        timestamps: The same for a time stamp authority.
        kiosk: The same for an exhibition.
        identity: The same for the place among strangers.
    """

    title: str = Field(min_length=2)
    text: str = Field(min_length=10)
    study: bool | None = None
    timestamps: bool | None = None
    kiosk: bool | None = None
    identity: bool | None = None


class ConsentFile(Value):
    """study/consent.toml as written."""

    version: str = Field(min_length=4, max_length=40)
    language: str = Field(pattern=r"^[a-z]{2}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    purposes: tuple[PurposeText, ...] = Field(min_length=1)
    sections: tuple[Section, ...] = Field(min_length=1)

    @property
    def words_sha256(self) -> str:
        """SHA-256 of all words of the file, as JSON, UTF-8."""
        words = self.model_dump_json(include={"language", "purposes", "sections"})
        return hashlib.sha256(words.encode()).hexdigest()


@dataclass(frozen=True)
class ConsentNotice:
    """The text as it stands on the page of one studio.

    Attributes:
        version: Of the file.
        language: ISO 639-1.
        operator: Who runs the studio, as in the text.
        summary: What stands beside the needed tick.
        text: The paragraphs, Markdown.
        purposes: The ticks that are offered, the needed one first.
        authority: The host that is asked for time stamps, as in the text; "" where none is.
    """

    version: str
    language: str
    operator: str
    summary: str
    text: str
    purposes: tuple[PurposeText, ...]
    authority: str = ""

    @cached_property
    def document(self) -> str:
        """All that is agreed to: the text, then the label of each tick."""
        with speaking(self.language):
            labels = [p.label if p.needed else say("{label} (optional)", label=p.label) for p in self.purposes]
            ticks = "\n".join(f"[ ] {label}" for label in labels)
        return f"{self.text}\n\n{ticks}\n"

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of `document`, UTF-8."""
        return hashlib.sha256(self.document.encode()).hexdigest()

    @property
    def optional(self) -> tuple[PurposeText, ...]:
        """The ticks that portraits do not depend on. None where nothing would follow them."""
        return tuple(purpose for purpose in self.purposes if not purpose.needed)

    def label(self, purpose: str) -> str:
        """What stands beside a tick."""
        return next(one.label for one in self.purposes if one.id == purpose)


def away_words(away_seconds: int) -> str:
    """How long a visit waits for its page: "5 minutes", "1 minute", "40 seconds"."""
    if away_seconds % 60 == 0:
        return say_many("{count} minute", "{count} minutes", away_seconds // 60)
    return say_many("{count} second", "{count} seconds", away_seconds)


def after_closing(away_seconds: int) -> str:
    """When a visit ends whose page has gone: "5 minutes after you close the page"."""
    if away_seconds == 0:
        # Translators: stands in the middle of sentences, as "It is deleted when ..., or when you close the page."
        return say("when you close the page")
    # Translators: stands in the middle of sentences, as "It is deleted ..., or 5 minutes after you close the page."
    return say("{away} after you close the page", away=away_words(away_seconds))


def consent_file(code: str) -> Path:
    """Where the text in a language is."""
    return CONSENT_FILE if code == ENGLISH else CONSENT_FILE.with_name("consents") / f"{code}.toml"


def load_notices(
    settings: OperatorSettings | None = None,
    *,
    minutes: int = DEFAULT_MINUTES,
    away_seconds: int = AWAY_SECONDS,
    kiosk_seconds: int = 0,
    strangers: int = 0,
) -> tuple[ConsentNotice, ...]:
    """The text for a studio in every language, English first. Arguments and errors as of `load_notice`."""
    return tuple(
        load_notice(
            settings,
            minutes=minutes,
            away_seconds=away_seconds,
            kiosk_seconds=kiosk_seconds,
            strangers=strangers,
            path=consent_file(code),
        )
        for code in LANGUAGES
    )


def load_notice(
    settings: OperatorSettings | None = None,
    *,
    minutes: int = DEFAULT_MINUTES,
    away_seconds: int = AWAY_SECONDS,
    kiosk_seconds: int = 0,
    strangers: int = 0,
    path: Path = CONSENT_FILE,
) -> ConsentNotice:
    """The text for a studio.

    Args:
        settings: Who runs it, and its study.
        minutes: After how many a visitor's pictures are deleted at the latest.
        away_seconds: How long a visit waits for a page that has gone.
        kiosk_seconds: After how long without a touch a visit at a kiosk is deleted; 0 is no kiosk.
        strangers: With how many people portraits are compared for those who tick that; 0 is not offered.
        path: The file.

    Raises:
        PresetError: The file is wrong, or was changed without a new hash; the hint says what to do.
    """
    settings = settings or OperatorSettings()
    file = read_consent_file(path)
    with speaking(file.language):
        values = {
            "operator": str(settings.operator),
            "minutes": str(minutes),
            "closing": str(after_closing(away_seconds)),
            "authority": settings.authority,
            "server": str(settings.server),
            "untouched": str(away_words(kiosk_seconds)),
            "strangers": str(strangers),
        }
    if settings.study is not None:
        values |= {"about": settings.study.about, "until": settings.study.until.isoformat()}
    holds = {
        "study": settings.study is not None,
        "timestamps": bool(settings.authority),
        "kiosk": kiosk_seconds > 0,
        "identity": strangers > 0,
    }
    sections = [s for s in file.sections if all(getattr(s, name) in (None, holds[name]) for name in holds)]
    offered = {one.id for one in file.purposes if one.needed or holds["identity" if one.id == "identity" else "study"]}
    text = "\n\n".join(f"**{s.title}** {' '.join(s.text.split())}" for s in sections)
    for name, words in values.items():
        text = text.replace("{" + name + "}", words)
    return ConsentNotice(
        version=file.version,
        language=file.language,
        operator=values["operator"],
        summary=next(purpose.label for purpose in file.purposes if purpose.needed),
        text=text,
        purposes=tuple(purpose for purpose in file.purposes if purpose.id in offered),
        authority=settings.authority,
    )


def read_consent_file(path: Path = CONSENT_FILE) -> ConsentFile:
    """The file, checked.

    Raises:
        PresetError: See load_notice.
    """
    try:
        file = ConsentFile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise PresetError(
            f"{path.name} cannot be read; mend it or put the file of the release back: {error}"
        ) from error
    if [purpose.id for purpose in file.purposes if purpose.needed] != ["portraits"]:
        raise PresetError(f"{path.name}: the purpose portraits, and no other, must be needed.")
    if file.sha256 != file.words_sha256:
        raise PresetError(
            f'{path.name} was changed: give it a new version, and set sha256 = "{file.words_sha256}" for its text.'
        )
    return file

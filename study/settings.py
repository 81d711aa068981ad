"""Who runs this studio, and whether a study may keep portraits, as the settings say (`pipelines.settings`).

Visitors also read to which host hashes go for time stamps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from languages.saying import say
from pipelines.errors import SettingsError
from pipelines.settings import Settings

UNNAMED = say("whoever gave you its address; no name or contact was entered (operators: setting STUDIO_OPERATOR).")
THIS_SERVER = say("the one in your browser's address line")


@dataclass(frozen=True)
class StudyTerms:
    """A study: where copies are kept, what for, and until the end of which day (UTC)."""

    folder: Path
    about: str
    until: date


@dataclass(frozen=True)
class OperatorSettings:
    """Who runs the studio, as a part of a sentence, and the study if there is one.

    Attributes:
        study: Running: visitors are asked for it.
        ended: Its last day is over: nobody is asked, and what is left in its folder is to be deleted.
        authority: The host of the time stamp authority; "" where none is asked.
        server: The server that photos are uploaded to, as a visitor knows it.
    """

    operator: str = UNNAMED
    study: StudyTerms | None = None
    ended: StudyTerms | None = None
    authority: str = ""
    server: str = THIS_SERVER


def read_settings(environ: Mapping[str, str], *, today: date | None = None) -> OperatorSettings:
    """The settings, checked.

    Args:
        environ: os.environ, or what stands for it.
        today: For tests; left out, today in UTC.

    Raises:
        SettingsError: One is missing or cannot be used; the hint names it.
    """
    settings = Settings.read(environ)
    operator, authority = _sentence(settings.operator), _authority(settings.c2pa_tsa)
    server = settings.space_host or THIS_SERVER
    if settings.on_space and not operator:
        raise SettingsError(
            "A Space is open to everybody: set STUDIO_OPERATOR to who runs it and how to reach them, then restart it."
        )
    if settings.study_folder is None:
        return OperatorSettings(operator or UNNAMED, authority=authority, server=server)
    if not operator:
        raise SettingsError("STUDIO_STUDY_FOLDER needs STUDIO_OPERATOR too: visitors must know who keeps portraits.")
    about, until = _sentence(settings.study_about), settings.study_until
    if not about:
        raise SettingsError("STUDIO_STUDY_FOLDER needs STUDIO_STUDY_ABOUT too: one sentence on what the study is for.")
    if until is None:
        raise SettingsError(
            "STUDIO_STUDY_FOLDER needs STUDIO_STUDY_UNTIL too: the last day of keeping, written as 2027-06-30."
        )
    terms = StudyTerms(settings.study_folder.expanduser(), about, until)
    if until < (today or datetime.now(UTC).date()):
        return OperatorSettings(operator, ended=terms, authority=authority, server=server)
    return OperatorSettings(operator, terms, authority=authority, server=server)


def _authority(address: str) -> str:
    """The host alone: the rest of an address may be the operator's secret.

    Raises:
        SettingsError: There is none in the address.
    """
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    if address and not host:
        raise SettingsError("STUDIO_C2PA_TSA must be an address with a host, such as https://tsa.example.org.")
    return host or ""


def _sentence(words: str) -> str:
    """With a full stop; Markdown is allowed, for a link."""
    return words if not words or words.endswith((".", "!", "?")) else f"{words}."

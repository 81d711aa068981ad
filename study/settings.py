"""Who runs this studio, and whether a study may keep portraits: what the operator says through the environment.

STUDIO_OPERATOR       who runs it and how to reach them, as visitors read it: "Ada Example, ada@example.org"
STUDIO_STUDY_FOLDER   a folder switches the study on: portraits whose visitors allow it are kept there, and none others
STUDIO_STUDY_ABOUT    one sentence that tells visitors what the study is for; needed with a folder
STUDIO_STUDY_UNTIL    the last day, YYYY-MM-DD, on which anything is kept; needed with a folder. Once it is over, the
                      app starts without the study and deletes the copies in the folder

Visitors also read to which host hashes go for time stamps (STUDIO_C2PA_TSA, see pipelines/provenance/credentials.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.errors import SettingsError

_LONGEST = 300  # characters; the consent text must stay short enough to be read
UNNAMED = "whoever gave you its address; no name or contact was entered (operators: setting STUDIO_OPERATOR)."


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
    """

    operator: str = UNNAMED
    study: StudyTerms | None = None
    ended: StudyTerms | None = None
    authority: str = ""


def read_settings(environ: Mapping[str, str], *, today: date | None = None) -> OperatorSettings:
    """The settings, checked.

    Args:
        environ: os.environ, or what stands for it.
        today: For tests; left out, today in UTC.

    Raises:
        SettingsError: One is missing or cannot be used; the hint names it.
    """
    operator, authority = _words(environ, "STUDIO_OPERATOR"), _authority(environ)
    folder = environ.get("STUDIO_STUDY_FOLDER", "").strip()
    if not folder:
        return OperatorSettings(operator or UNNAMED, authority=authority)
    if not operator:
        raise SettingsError("STUDIO_STUDY_FOLDER needs STUDIO_OPERATOR too: visitors must know who keeps portraits.")
    about = _words(environ, "STUDIO_STUDY_ABOUT")
    if not about:
        raise SettingsError("STUDIO_STUDY_FOLDER needs STUDIO_STUDY_ABOUT too: one sentence on what the study is for.")
    try:
        until = date.fromisoformat(environ.get("STUDIO_STUDY_UNTIL", "").strip())
    except ValueError as error:
        raise SettingsError(
            "STUDIO_STUDY_FOLDER needs STUDIO_STUDY_UNTIL too: the last day of keeping, written as 2027-06-30."
        ) from error
    terms = StudyTerms(Path(folder).expanduser(), about, until)
    if until < (today or datetime.now(UTC).date()):
        return OperatorSettings(operator, ended=terms, authority=authority)
    return OperatorSettings(operator, terms, authority=authority)


def _authority(environ: Mapping[str, str]) -> str:
    """The host alone: the rest of an address may be the operator's secret.

    Raises:
        SettingsError: There is none in the address.
    """
    address = environ.get("STUDIO_C2PA_TSA", "")
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    if address and not host:
        raise SettingsError("STUDIO_C2PA_TSA must be an address with a host, such as https://tsa.example.org.")
    return host or ""


def _words(environ: Mapping[str, str], name: str) -> str:
    """One line that ends with a full stop; Markdown is allowed, for a link.

    Raises:
        SettingsError: It is too long.
    """
    words = " ".join(environ.get(name, "").split())
    if len(words) > _LONGEST:
        raise SettingsError(f"{name} is too long; keep it under {_LONGEST} characters.")
    return words if not words or words.endswith((".", "!", "?")) else f"{words}."

"""Which language somebody is answered in: the one that they chose, or the first that their browser asks for."""

from __future__ import annotations

from languages.catalogue import LANGUAGES

COOKIE = "studio_language"
DEFAULT = "en"
_MAX_CHARACTERS, _MAX_TAGS = 500, 20  # of a header; more is not a browser's


def chosen(cookie: str | None, accept: str | None) -> str:
    """One of LANGUAGES.

    Args:
        cookie: What the page's own choice has noted; None without one.
        accept: The header Accept-Language (RFC 9110, 12.5.4): tags with regions and weights; None without one.
    """
    return cookie if cookie in LANGUAGES else preferred(accept or "")


def preferred(accept: str) -> str:
    """The language that a header weighs most, of those that we have; English where it names none of them."""
    best, weight = DEFAULT, 0.0
    for entry in accept[:_MAX_CHARACTERS].split(",")[:_MAX_TAGS]:
        tag, *parameters = (part.strip().lower() for part in entry.split(";"))
        language = tag.partition("-")[0]
        wanted = _weight(parameters)
        if language in LANGUAGES and wanted > weight:  # the first of equals
            best, weight = language, wanted
    return best


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return weight if 0.0 <= weight <= 1.0 else 0.0
    return 1.0

"""Who may see a study's data: names and passwords, of which only a scrypt hash is kept.

STUDY_RESEARCHERS holds one entry for each, with spaces between them:

    anna=scrypt.15.8.1.<salt>.<hash> ben=scrypt.15.8.1.<salt>.<hash>

`python -m study researcher anna` asks for a password and prints such an entry. There is no password by default: without
the setting nobody gets in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from pipelines.errors import SettingsError

SETTING = "STUDY_RESEARCHERS"
LEAST = 12  # characters of a password
_MOST = 1024
_COST, _BLOCK, _LANES = 15, 8, 1  # 2^15 * 8 * 128 bytes = 32 MB a try (OWASP's second choice, 2^16 * 8, takes 64)
_MEMORY = 128 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,59}")
_HASH = re.compile(r"scrypt\.(1[4-9])\.(8|16)\.([1-4])\.([\w-]{22,})\.([\w-]{43})", re.ASCII)
_WRONG = (
    f"The setting {SETTING} must have entries as `python -m study researcher NAME` prints them, with spaces between"
    " them; correct it and start again."
)


@dataclass(frozen=True)
class _Secret:
    cost: int
    block: int
    lanes: int
    salt: bytes
    digest: bytes

    def fits(self, password: str) -> bool:
        found = _scrypt(password, self.salt, self.cost, self.block, self.lanes)
        return hmac.compare_digest(found, self.digest)


class Researchers:
    """Names and their secrets.

    Args:
        setting: The value of STUDY_RESEARCHERS.

    Raises:
        SettingsError: An entry is not as it was printed, or a name stands there twice.
    """

    def __init__(self, setting: str) -> None:
        self._secrets: dict[str, _Secret] = {}
        for entry in setting.replace(",", " ").split():
            name, _, hashed = entry.partition("=")
            match = _HASH.fullmatch(hashed)
            if not _NAME.fullmatch(name) or match is None or name in self._secrets:
                raise SettingsError(_WRONG)
            salt, digest = _bytes(match[4]), _bytes(match[5])
            self._secrets[name] = _Secret(int(match[1]), int(match[2]), int(match[3]), salt, digest)
        self._nobody = _Secret(_COST, _BLOCK, _LANES, secrets.token_bytes(16), secrets.token_bytes(32))

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def knows(self, name: str, password: str) -> bool:
        """Whether it is the password of that name. A name that is unknown takes as long."""
        secret = self._secrets.get(name)
        fits = (secret or self._nobody).fits(password[:_MOST])
        return fits and secret is not None


def entry(name: str, password: str) -> str:
    """The entry of a researcher for the setting.

    Raises:
        SettingsError: The name has other characters than letters, digits and ._@-, or the password is too short.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError("Choose a name of letters, digits and . _ @ - with at most 60 characters.")
    if not LEAST <= len(password) <= _MOST:
        raise SettingsError(f"Choose a password of at least {LEAST} characters.")
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, _COST, _BLOCK, _LANES)
    return f"{name}=scrypt.{_COST}.{_BLOCK}.{_LANES}.{_text(salt)}.{_text(digest)}"


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    raw = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(raw, salt=salt, n=1 << cost, r=block, p=lanes, maxmem=_MEMORY * 4, dklen=32)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

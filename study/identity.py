"""Who a participant is to a study: a keyed hash of their code, and the codes that they get. No code is ever stored."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from languages.saying import say
from pipelines.errors import StudyError

PersonKind = Literal["participant", "simulated", "preview"]

MAX_CODE = 200
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that is taken for another one
_PARTICIPANT, _CODE, _COMPLETION = 20, 12, 8
_MARKED: tuple[PersonKind, ...] = ("simulated", "preview")


class Identity:
    """Hashes and codes under one secret key, the operator's.

    Args:
        key: At least 32 random bytes. Who loses it can match no returning participant and no withdrawal code any more.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("the key of a study has at least 32 bytes")
        self._key = key

    @classmethod
    def of_folder(cls, folder: Path) -> Identity:
        """The key that lies in an operator's folder, made at its first use.

        Raises:
            StudyError: It cannot be read or written.
        """
        path = folder / "study.key"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                draft = folder / f".{secrets.token_hex(8)}"
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w") as file:
                    file.write(secrets.token_hex(32))
                try:
                    os.link(draft, path)  # whoever was first keeps it
                except FileExistsError:
                    pass
                finally:
                    draft.unlink()
            return cls(bytes.fromhex(path.read_text("ascii")))
        except (OSError, ValueError) as error:
            raise StudyError(
                "The folder of the studies (STUDIO_STUDIES_FOLDER) cannot be used: its key can be neither read nor"
                " made; choose a folder that this program may write to, or put the key back."
            ) from error

    def participant(self, study_id: str, code: str) -> str:
        """The id of a participant: 20 hexadecimal digits, the same for the same code in the same study.

        Raises:
            StudyError: The code is empty or too long.
        """
        code = code.strip()
        if not 0 < len(code) <= MAX_CODE or not code.isprintable():
            raise StudyError(say("This link has no code that can be used; open the one that you were given once more."))
        return self._hash("participant", study_id, code)[:_PARTICIPANT]

    def submission(self, study_id: str, value: str) -> str | None:
        """The join key of a recruiter's submission, hashed as a code is; None for an empty one."""
        return self._hash("submission", study_id, value[:MAX_CODE])[:_PARTICIPANT] if value.strip() else None

    def submission_of(self, study_id: str, values: Iterable[str]) -> dict[str, str]:
        """For a researcher who has the recruiter's list: each of its values by what stands in the export."""
        return {hashed: value for value in values if (hashed := self.submission(study_id, value)) is not None}

    def marked_code(self, kind: PersonKind, name: str) -> str:
        """A code that makes whoever comes with it count as simulated, or as a preview. It can be made only here."""
        return f"{kind}.{name}.{self._hash('marked', kind, name)[:24]}"

    def kind_of(self, code: str) -> PersonKind:
        """What a code makes of whoever comes with it."""
        for kind in _MARKED:
            if code.startswith(f"{kind}."):
                name = code.removeprefix(f"{kind}.").rpartition(".")[0]
                if hmac.compare_digest(code.encode(), self.marked_code(kind, name).encode()):
                    return kind
        return "participant"

    def withdrawal_code(self, participant: str) -> str:
        """What a participant keeps to withdraw later: 12 characters in three groups (59 bits)."""
        letters = self._letters(_CODE, "withdrawal", participant)
        return "-".join(letters[n : n + 4] for n in range(0, _CODE, 4))

    def withdrawal_hash(self, code: str) -> str:
        """What the store keeps of a withdrawal code, however it was typed."""
        plain = "".join(letter for letter in code.upper()[:60] if letter.isalnum())
        return self._hash("withdrawal code", plain)

    def completion_code(self, rows: bytes) -> str:
        """A short proof of a participant's rows: 8 characters (40 bits) of their HMAC."""
        return self._letters(_COMPLETION, "completion", hashlib.sha256(rows).hexdigest())

    def tab_hash(self, key: str) -> str:
        """What the store keeps of a tab's key."""
        return self._hash("tab", key)

    def pass_for(self, study_id: str, participant: str, kind: PersonKind) -> str:
        """What a browser's cookie holds: who it is, and a proof that this server said so."""
        body = f"{participant}.{kind}"
        return f"{body}.{self._hash('pass', study_id, body)[:40]}"

    def read_pass(self, study_id: str, text: str) -> tuple[str, PersonKind] | None:
        """Participant and kind of a cookie; None where it is not ours."""
        participant, _, rest = text.partition(".")
        for kind in ("participant", *_MARKED):
            if rest.startswith(f"{kind}.") and hmac.compare_digest(
                text.encode(), self.pass_for(study_id, participant, kind).encode()
            ):
                return participant, kind
        return None

    def _hash(self, *parts: str) -> str:
        return hmac.new(self._key, "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()

    def _letters(self, count: int, *parts: str) -> str:
        number = int(self._hash(*parts), 16)
        letters = ""
        for _ in range(count):
            number, place = divmod(number, len(_LETTERS))
            letters += _LETTERS[place]
        return letters

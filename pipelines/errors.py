"""Every error that a visitor can cause or meet.

    PortraitError                 .hint is the sentence for the visitor, .code names the kind, .cure is for the operator
    ├── ConsentMissing            no consent recorded for this session
    ├── PhotoError                the photo cannot be used
    │   └── PhotoUnreadable       not a picture, truncated, empty, too many pixels
    ├── RequestInvalid            unknown style, scene or model; seed or count out of range; prompt too long
    ├── BoardError                a style board's file is wrong; names field and value
    ├── PresetError               a file under presets/, or the consent text, is wrong; names file and field
    ├── SettingsError             a setting of the operator is missing or wrong; names the setting
    ├── CredentialsError          the certificate that signs portraits cannot be used
    ├── EngineError               the pictures could not be made
    │   ├── EngineUnavailable     a model stack is missing, incomplete or needs what is not here
    │   │   └── NotOnTheHub       the hub does not have or give a part, so that trying again does not help
    │   ├── EngineBusy            somebody else's portrait is being made
    │   └── EngineFailed          it stopped in the middle
    ├── Refused                   a reviewer does not let it through
    │   ├── WordsRefused          the visitor's own words; .found is what they are about
    │   ├── CropRefused           the part of the photo that was to be painted
    │   └── PictureRefused        every picture of a request
    ├── TooOften                  a limit on portraits or refused words was reached; says when to try again
    ├── StudyError                a study's file or its lock is wrong, or what a participant asks for is not possible
    │   ├── StudyClosed           this person cannot take part, or not any more
    │   ├── StudyElsewhere        the study goes on in another tab
    │   └── StudyStoreError       what was sent could not be stored; what was confirmed before is safe
    ├── RegisterAway              the register that several fronts share does not answer, so no consent is assumed
    ├── Cancelled                 the visitor stopped the work
    └── SaveError                 the portrait could not be written (disk full, no permission)

A hint never holds a path, a file name, a prompt or a traceback.
"""

from __future__ import annotations


class PortraitError(Exception):
    """Base of every error shown to a visitor.

    Args:
        hint: One sentence that says what happened and what to do about it.
        detail: Words for the log only.
        cure: What who runs the studio can do about it, a sentence; for the log and the command line, never the page.
    """

    code = "error"

    def __init__(self, hint: str, *, detail: str = "", cure: str = "") -> None:
        super().__init__(hint if not detail else f"{hint} [{detail}]")
        self.hint = hint
        self.detail = detail
        self.cure = cure

    @property
    def told(self) -> str:
        """What the command line says of it: the hint, and the cure."""
        return f"{self.hint} {self.cure}".strip()


class ConsentMissing(PortraitError):
    """This session has no valid consent on record."""

    code = "consent"


class PhotoError(PortraitError):
    """The photo cannot be used."""

    code = "photo"


class FaceUnclear(PhotoError):
    """It would be a guess who is meant. The hint asks.

    Args:
        faces: Those that were found, each cut out as a small JPEG, in the order of their numbers.
        turn: Degrees clockwise by which the photo seems to want to be turned.
        doubtful: They may be no faces, or there is none, so that one may want to go on without.
    """

    code = "face-unclear"

    def __init__(self, hint: str, faces: tuple[bytes, ...], turn: int, *, doubtful: bool) -> None:
        super().__init__(hint)
        self.faces = faces
        self.turn = turn
        self.doubtful = doubtful


class PhotoUnreadable(PhotoError):
    """The file is not a picture that can be read."""

    code = "photo-unreadable"


class RequestInvalid(PortraitError):
    """A request names something unknown or out of range."""

    code = "request"


class PresetError(PortraitError):
    """A preset file is wrong. The hint names file and field."""

    code = "preset"


class BoardError(PortraitError):
    """The definition of a style board is wrong, or its folder cannot be used. The hint says what, and what to do."""

    code = "board"


class SettingsError(PortraitError):
    """A setting of the operator is missing or wrong. The hint names it."""

    code = "settings"


class CredentialsError(PortraitError):
    """The certificate that signs portraits cannot be used. The hint names the setting."""

    code = "credentials"


class EngineError(PortraitError):
    """The portrait could not be made."""

    code = "engine"


class EngineUnavailable(EngineError):
    """The engine asked for cannot run here, and the hint says why."""

    code = "engine-unavailable"


class NotOnTheHub(EngineUnavailable):
    """The hub does not have a part of a model, or does not give it to this machine. Doing without it may help."""

    code = "not-on-the-hub"


class EngineBusy(EngineError):
    """Another portrait is being made and the wait was too long."""

    code = "engine-busy"


class EngineFailed(EngineError):
    """The engine stopped in the middle of the work."""

    code = "engine-failed"


class Refused(PortraitError):
    """A reviewer does not let this through. The hint says why and what to do instead."""

    code = "refused"


class WordsRefused(Refused):
    """The visitor's own words are refused.

    Args:
        found: The words it is about, for the screen of the visitor who typed them. Never in a log.
    """

    code = "words-refused"

    def __init__(self, hint: str, *, found: str = "") -> None:
        super().__init__(hint)
        self.found = found

    @property
    def told(self) -> str:
        """Also what it is about: whoever typed the words reads this."""
        return f"{super().told}\nIt is about: {self.found}"


class CropRefused(Refused):
    """The part of the photo that was to be painted is refused."""

    code = "crop-refused"


class PictureRefused(Refused):
    """Every picture that was made for a request is refused."""

    code = "picture-refused"


class TooOften(PortraitError):
    """A limit was reached. The hint says when to try again.

    Args:
        seconds: Until the next try can succeed; infinite where only a smaller request can.
        rule: Which limit, for the misuse log.
    """

    code = "too-often"

    def __init__(self, hint: str, *, seconds: float, rule: str) -> None:
        super().__init__(hint)
        self.seconds = seconds
        self.rule = rule


class StudyError(PortraitError):
    """A study's file or its lock is wrong, or what a participant sent is. The hint names it."""

    code = "study"


class StudyClosed(StudyError):
    """This person cannot take part, or not any more. The hint says why."""

    code = "study-closed"


class StudyElsewhere(StudyError):
    """The study goes on in another tab of the same person."""

    code = "study-elsewhere"


class StudyStoreError(StudyError):
    """What was just sent could not be stored: the disk is full or the database is away. What was confirmed is safe."""

    code = "study-store"


class RegisterAway(PortraitError):
    """The register that several fronts share does not answer: no consent is assumed, and nothing is counted."""

    code = "register-away"


class Cancelled(PortraitError):
    """The visitor stopped the work."""

    code = "cancelled"


class SaveError(PortraitError):
    """The finished portrait could not be written."""

    code = "save"

"""The reviewers of a studio, asked in turn: words before any work, pictures before they are shown or written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from PIL import Image

from languages.saying import put_together, say, say_many
from pipelines.errors import CropRefused, EngineUnavailable, PictureRefused, WordsRefused
from pipelines.hub.stack import ModelStack
from pipelines.results import PictureOrigin, Refusal, RefusedPicture
from pipelines.safety.checker import HubChecker
from pipelines.safety.misuse import MisuseLog, write_to
from pipelines.safety.nudity import NudityChecker
from pipelines.safety.policy import default_policy
from pipelines.schema import StepCallback
from pipelines.settings import CheckerUse, Settings

UNCHECKED = say(
    "No picture checker is at work here, so only your own words were checked, not this picture; Privacy says more."
)
PARTLY_CHECKED = say("Not every picture checker is at work here; Privacy says which ones looked at this picture.")
_NOT_ALL_CHECK = say(
    "This engine works here only where every picture checker can look at its pictures, and one is not at work; "
    "choose the instant filters."
)
_PHOTO = say(
    "The picture checker took this part of your photo for nudity or sexual content, and it can be wrong. Lay the crop "
    "closer around your face (Adjust), or take another photo; your choices are still here."
)
_SWITCHED_OFF = say("It was switched off by whoever runs this studio.")


class Reviewer(Protocol):
    """Anything that can say no.

    Attributes:
        id: For the log.
        name: For the screen.
    """

    id: str
    name: str

    def why_not(self) -> str:
        """Why it cannot work here now, as a sentence; "" where it can."""
        ...


@runtime_checkable
class WordReviewer(Reviewer, Protocol):
    """Says no to words."""

    def review_words(self, text: str) -> Refusal | None:
        """Why words are refused, or None."""
        ...


@runtime_checkable
class PictureReviewer(Reviewer, Protocol):
    """Says no to pictures.

    Attributes:
        is_quick: Whether it answers in well under a tenth of a second. Quick ones are also asked of the crop before it
            is painted, and of the steps of engines that are done in a second.
    """

    is_quick: bool

    def review_picture(self, picture: Image.Image, *, origin: PictureOrigin = "made") -> Refusal | None:
        """Why an RGB picture is refused, or None.

        Args:
            origin: Where it comes from.

        Raises:
            EngineUnavailable: It cannot tell. The picture is then not shown.
        """
        ...


@dataclass(frozen=True)
class ReviewerState:
    """One reviewer as the screen lists it; `reason` is a sentence where it is not active, else ""."""

    id: str
    name: str
    judges: Literal["words", "pictures"]
    active: bool
    reason: str = ""


class Safety:
    """Reviewers, and what happens where one is not there.

    Args:
        words: Asked in this order; the first refusal counts.
        pictures: The same, for pictures.
        checker: auto: reviewers of pictures are asked where they can work; required: where one of them cannot, no
            diffusion picture is made; where-needed: the same, but for stacks that need no checker; off: they are not
            asked.
        log: Where refusals are noted.
    """

    def __init__(
        self,
        words: Sequence[WordReviewer] = (),
        pictures: Sequence[PictureReviewer] = (),
        *,
        checker: CheckerUse = "auto",
        log: MisuseLog | None = None,
    ) -> None:
        self._words = tuple(words)
        self._pictures = tuple(pictures)
        self._checker = checker
        self.log = log or MisuseLog()

    def states(self) -> tuple[ReviewerState, ...]:
        """Every reviewer, whether it is at work, and why not."""
        words = (_state(one, "words", one.why_not()) for one in self._words)
        return (*words, *(_state(one, "pictures", self._idle(one)) for one in self._pictures))

    def checks_pictures(self) -> bool:
        """Whether a reviewer of pictures is at work."""
        return bool(self._looking())

    def require_words(self, text: str, session: str) -> None:
        """Let words pass, or refuse and log them.

        Raises:
            WordsRefused: A reviewer says no; the hint says why.
        """
        if not text.strip():
            return
        for reviewer in self._words:
            refusal = None if reviewer.why_not() else reviewer.review_words(text)
            if refusal is not None:
                self.log.refused("words-refused", refusal, session)
                raise WordsRefused(refusal.sentence, found=refusal.found)

    def require_picture(self, picture: Image.Image, session: str) -> None:
        """Let a picture that a visitor gave to be painted after pass, or refuse and log it. Nobody looks at it where no
        reviewer of pictures is at work.

        Raises:
            PictureRefused: A reviewer says no.
            EngineUnavailable: A reviewer that should look at it cannot.
        """
        refusal = self._refused(picture, "given")
        if refusal is not None:
            self.log.refused("picture-refused", refusal, session)
            raise PictureRefused(say("This picture was refused by the picture checker; choose another one."))

    def require_crop(self, crop: Image.Image, session: str) -> None:
        """Let the part of a photo that is to be painted pass, or refuse and log it. Quick reviewers are asked.

        Raises:
            CropRefused: A reviewer says no.
            EngineUnavailable: A reviewer that should look at it cannot.
        """
        refusal = self._refused(crop, "given", quick_only=True)
        if refusal is not None:
            self.log.refused("crop-refused", refusal, session)
            raise CropRefused(_PHOTO)

    def why_not(self, stack: ModelStack) -> str:
        """Why no picture may be made with a stack here, as a sentence; "" where one may."""
        needed = self._checker == "required" or (self._checker == "where-needed" and stack.needs_checker)
        return "" if not needed or self._all_check_pictures() else _NOT_ALL_CHECK

    def require_reviewers(self, stack: ModelStack | None) -> tuple[str, ...]:
        """Before a picture is made: what the visitor must be told of who will look at it, as sentences.

        Args:
            stack: What makes it; None for the instant filters.

        Raises:
            EngineUnavailable: Somebody cannot look at it who must.
        """
        if stack is None:
            return ()
        if reason := self.why_not(stack):
            raise EngineUnavailable(reason)
        if not self.checks_pictures():
            return (UNCHECKED,)
        return (PARTLY_CHECKED,) if stack.needs_checker and not self._all_check_pictures() else ()

    def sort(
        self, seeds: Sequence[int], pictures: Sequence[Image.Image], session: str, *, stack: ModelStack | None
    ) -> tuple[list[tuple[int, Image.Image]], tuple[RefusedPicture, ...]]:
        """Finished pictures that may be shown, with their seeds, and what is to be told of the others, in their order.

        Args:
            stack: What made them; None for the instant filters.

        Raises:
            PictureRefused: None may be shown; the hint says why and how to try again.
            EngineUnavailable: A reviewer that should look at them cannot.
        """
        passed: list[tuple[int, Image.Image]] = []
        refused: list[RefusedPicture] = []
        for seed, picture in zip(seeds, pictures, strict=True):
            refusal = self._refused(picture, _origin(stack))
            if refusal is None:
                passed.append((seed, picture))
            else:
                self.log.refused("picture-refused", refusal, session)
                refused.append(RefusedPicture(seed=seed, refusal=refusal))
        if not passed:
            which = say_many("Your portrait is not shown.", "Your {count} portraits are not shown.", len(refused))
            raise PictureRefused(put_together(which, refused[0].refusal.sentence))
        return passed, tuple(refused)

    def watch(self, report: StepCallback, *, one_by_one: bool, stack: ModelStack | None) -> StepCallback:
        """The same callback, told of previews only where no reviewer refuses them; steps are told in any case.

        Args:
            one_by_one: The engine's steps are slow enough for every reviewer to judge each preview. Without it none is
                told where a reviewer at work is not quick: the engine would be done before all were judged.
            stack: What makes them; None for the instant filters.
        """
        if not self.checks_pictures():
            return report
        judged = one_by_one or all(reviewer.is_quick for reviewer in self._looking())

        def watched(step: int, total: int, preview: Image.Image | None) -> bool:
            is_shown = preview is not None and judged and self._refused(preview, _origin(stack)) is None
            return report(step, total, preview if is_shown else None)

        return watched

    def _all_check_pictures(self) -> bool:
        return bool(self._pictures) and len(self._looking()) == len(self._pictures)

    def _refused(self, picture: Image.Image, origin: PictureOrigin, *, quick_only: bool = False) -> Refusal | None:
        for reviewer in self._looking():
            if quick_only and not reviewer.is_quick:
                continue
            refusal = reviewer.review_picture(picture, origin=origin)
            if refusal is not None:
                return refusal
        return None

    def _looking(self) -> list[PictureReviewer]:
        """Reviewers of pictures that are at work."""
        return [one for one in self._pictures if not self._idle(one)]

    def _idle(self, reviewer: PictureReviewer) -> str:
        """Why a reviewer of pictures is not at work; "" where it is."""
        return _SWITCHED_OFF if self._checker == "off" else reviewer.why_not()


def _state(reviewer: Reviewer, judges: Literal["words", "pictures"], reason: str) -> ReviewerState:
    return ReviewerState(reviewer.id, reviewer.name, judges, not reason, reason)


def _origin(stack: ModelStack | None) -> PictureOrigin:
    """Where pictures of an engine come from."""
    return "made" if stack is not None and stack.needs_checker else "repainted"


def build_safety(settings: Settings | None = None) -> Safety:
    """The word list, the picture checker that comes with the studio, and the hub's, as the operator has set it.

    Raises:
        SettingsError: A setting has no meaning, or the file of the misuse log cannot be written.
        PresetError: A data file of the word list is wrong.
    """
    settings = settings or Settings.read()
    if settings.misuse_log is not None:
        write_to(settings.misuse_log)
    return Safety((default_policy(),), (NudityChecker(), HubChecker()), checker=settings.safety_checker)

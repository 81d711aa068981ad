"""What was measured of a portrait, as one plain sentence and, where it beautifies, one warning."""

from __future__ import annotations

import math
from bisect import bisect

import numpy as np

from languages.saying import listed, put_together, say
from pipelines.faithfulness.skin import LIGHTNESS_NOISE, lightened
from pipelines.results import RatioChange, SkinShift

# A picture beautifies when it goes past one of these, relative changes in percent, or lightens skin. They lie above the
# noise in `pipelines.faithfulness.meter`.
EYES_LARGER = 8.0
JAW_NARROWER = 5.0
NOSE_NARROWER = 8.0
# Colour difference under which the sentence calls skin tone kept: above the noise, and just noticeable (Mahy et al.
# 1994, Color Res Appl 19(2):105-121).
SKIN_NOISE = 2.3
# Percent from which the sentence speaks of a change.
SHAPE_NOISE = 5.0

_FOLLOWS = say("Skin colour follows the style.")
_NOT_COMPARED = say("Skin tone could not be compared.")
_STEPS = (6.0, 15.0)  # of L*, or of a* and b* together: below the first hardly seen, over the second at a glance


def _past(change: RatioChange | None, threshold: float) -> bool:
    """Whether a ratio went past a signed threshold."""
    return change is not None and bool(np.sign(threshold) * change.percent > abs(threshold))


def warning(shape: dict[str, RatioChange], skin: SkinShift | None) -> str | None:
    """How a picture beautifies, as a sentence; None where it does not.

    Args:
        shape: Changes of the parts that could be compared, by the names in `Faithfulness`.
        skin: None where it was not compared.
    """
    # Translators: these four are listed in "This picture made {listed} than in the photo."
    found = [
        words
        for name, threshold, words in (
            ("eye_size", EYES_LARGER, say("the eyes larger")),
            ("jaw_width", -JAW_NARROWER, say("the jaw narrower")),
            ("nose_width", -NOSE_NARROWER, say("the nose narrower")),
        )
        if _past(shape.get(name), threshold)
    ]
    if skin is not None and lightened(skin):
        found.append(say("the skin lighter"))
    return say("This picture made {listed} than in the photo.", listed=listed(found)) if found else None


def sentence(shape: dict[str, RatioChange], skin: SkinShift | None, natural_colour: bool, *, turned: bool) -> str:
    """What became of the person, in one sentence or two.

    Args:
        shape: As for `warning`.
        skin: As for `warning`.
        natural_colour: Whether the style means skin to keep its own colour.
        turned: The face is turned to the side, which is why no shape was compared.
    """
    if skin is not None and skin.distance < SKIN_NOISE and not lightened(skin):
        if shape and not _changed_parts(shape):
            return say("Face shape and skin tone were kept.")
        return put_together(_shape_words(shape, turned), say("The skin tone was kept."))
    if skin is not None:
        return put_together(_shape_words(shape, turned), _skin_words(skin))
    return put_together(_shape_words(shape, turned), _NOT_COMPARED if natural_colour else _FOLLOWS)


def _shape_words(shape: dict[str, RatioChange], turned: bool) -> str:
    if not shape:
        if turned:
            return say("The face is turned to the side, so its shape was not compared.")
        return say("The face is too abstract here, so its shape was not compared.")
    changes = _changed_parts(shape)
    if not changes:
        return say("The face shape was kept.")
    return say("The {changes} than in the photo.", changes=listed(changes))


def _changed_parts(shape: dict[str, RatioChange]) -> list[str]:
    """Of each part that changed visibly, how: "jaw looks 9 % wider"."""
    found: list[str] = []
    for name, (more, less) in _CHANGES.items():
        if (change := shape.get(name)) is not None and abs(change.percent) > SHAPE_NOISE:
            words = more if change.percent > 0 else less
            found.append(words.filled(percent=abs(change.percent)))
    return found


def _skin_words(skin: SkinShift) -> str:
    """What became of skin that did not keep its tone. The numbers stand with the others, under the sentence."""
    lighter, tint = skin.lightness_shift, math.hypot(skin.red_shift, skin.yellow_shift)
    found: list[str] = []
    if abs(lighter) > LIGHTNESS_NOISE:
        found.append((_LIGHTER if lighter > 0 else _DARKER)[bisect(_STEPS, abs(lighter))])
    if tint >= SKIN_NOISE or not found:
        found.append(_TINT[bisect(_STEPS, tint)])
    return say("The skin {found} than in the photo.", found=listed(found))


# Translators: these are listed in "The {changes} than in the photo."
_CHANGES = {
    "eye_size": (
        say("eyes look {percent:.0f} % larger", percent=0),
        say("eyes look {percent:.0f} % smaller", percent=0),
    ),
    "jaw_width": (
        say("jaw looks {percent:.0f} % wider", percent=0),
        say("jaw looks {percent:.0f} % narrower", percent=0),
    ),
    "nose_width": (
        say("nose looks {percent:.0f} % wider", percent=0),
        say("nose looks {percent:.0f} % narrower", percent=0),
    ),
    "face_height": (
        say("face looks {percent:.0f} % longer", percent=0),
        say("face looks {percent:.0f} % shorter", percent=0),
    ),
}
# Translators: these nine are listed in "The skin {found} than in the photo."
_LIGHTER = (say("looks slightly lighter"), say("looks lighter"), say("looks much lighter"))
# Translators: listed in "The skin {found} than in the photo."
_DARKER = (say("looks slightly darker"), say("looks darker"), say("looks much darker"))
# Translators: listed in "The skin {found} than in the photo."
_TINT = (say("has a slightly different tint"), say("has a different tint"), say("has a much different tint"))

"""A style of a visitor's own, as far as it differs from a preset: what it may hold, what of it is reviewed and told."""

from __future__ import annotations

import hashlib
import json

from languages.saying import named, say
from pipelines.errors import PresetError, RequestInvalid
from pipelines.hub.stack import ModelStack
from pipelines.presets.loading import Presets, prompts
from pipelines.schema import Scene, Style, StyleOverride

SHOWN = ("id", "name", "summary", "keywords", "family", "order", "based_on")  # changes no pixel
OWN_STYLE = "own"  # in a portrait's file
_MOST_STEPS, _MOST_SLOW = 12, 2  # of a recipe: built-in ones have up to 9, and one of each slow kind


def require_bounds(style: Style) -> None:
    """Refuse recipes that would keep everybody waiting.

    Raises:
        RequestInvalid: A recipe has too many filters.
    """
    recipes = [style.preview, style.start, style.finish]
    recipes += [recipe for one in style.overrides.values() for recipe in (one.start, one.finish)]
    for recipe in recipes:
        steps = recipe or ()
        if len(steps) > _MOST_STEPS:
            raise RequestInvalid(
                say("A style of your own has at most {most_steps} filters; take some out.", most_steps=_MOST_STEPS)
            )
        slow = [step for step in steps if step.is_slow]
        if len(slow) > _MOST_SLOW:
            raise RequestInvalid(
                say(
                    "A style of your own has at most {most_slow} of the slow filters ({slow}); take some out.",
                    most_slow=_MOST_SLOW,
                    slow=", ".join(dict.fromkeys(named(step.title()) for step in slow)),
                )
            )


def recipe_digest(preset: Style | Scene | ModelStack) -> str:
    """SHA-256 of all of a preset that changes a picture, in hexadecimal."""
    said = preset.model_dump(mode="json", exclude={*SHOWN, "rank"})
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def own_words(style: Style, base: Style | None = None) -> tuple[str, ...]:
    """Its words that a reviewer has to read: all but those of the style that it was made from."""
    said = [style.name, style.summary, *style.keywords, *(words for _, words in prompts(style))]
    if base is not None:
        said = [one for one in said if one not in {base.name, base.summary, *(words for _, words in prompts(base))}]
        said = [one for one in said if one not in base.keywords]
    return tuple(one for one in said if one.strip())


def without_own_words(style: Style, presets: Presets) -> Style:
    """The style with the words of the built-in one that it is like, for a model that knows only its own styles."""
    like = presets.all_styles.get(style.based_on or "")
    if like is None:
        like = next((one for one in presets.styles.values() if one.family == style.family), None)
        like = like or next(iter(presets.styles.values()))
    overrides = {
        engine: one.model_copy(
            update={
                "prompt": like.overrides[engine].prompt if engine in like.overrides else None,
                "negative_prompt": like.overrides[engine].negative_prompt if engine in like.overrides else None,
            }
        )
        for engine, one in (dict.fromkeys(like.overrides, StyleOverride()) | style.overrides).items()
    }
    said = {"prompt": like.prompt, "negative_prompt": like.negative_prompt, "overrides": overrides}
    return style.model_copy(update=said)


def readable(style: Style, stack: ModelStack | None, presets: Presets) -> tuple[Style, tuple[str, ...]]:
    """The style as a model may read it, and what is to be said of that: words of a visitor's own reach only one whose
    pictures are looked at.

    Args:
        stack: What paints it; None for the instant filters, which read no words.
    """
    if stack is None or stack.reads_words:
        return style, ()
    safe = without_own_words(style, presets)
    left_out = say("{name} knows only its own styles, so the words of your style were left out.", name=stack.name)
    return safe, (left_out,) if set(prompts(style)) - set(prompts(safe)) else ()


def facts(style_id: str, own: Style | None, presets: Presets) -> dict[str, str]:
    """What a portrait says of its style. Of one of the visitor's own not the name, which is theirs, but the style that
    it was made from, and what proves later which recipe it was.
    """
    if own is None:
        return {"Style": style_id}
    base = {"StyleBase": own.based_on} if own.based_on in presets.all_styles else {}
    return {"Style": OWN_STYLE, **base, "StyleRecipe": recipe_digest(own)}


def words_of(own: Style, presets: Presets) -> tuple[str, ...]:
    """As `own_words`, against the preset that it was made from."""
    return own_words(own, presets.all_styles.get(own.based_on or ""))


def as_own(style: Style, presets: Presets) -> Style:
    """A style from a visitor's file: that it was made from a preset counts only where it has the same filters.

    Raises:
        PresetError: A name has characters that cannot be printed; the hint names the field.
        RequestInvalid: As `require_bounds`.
    """
    for field, text in (("name", style.name), ("summary", style.summary)):
        if not text.isprintable() or text != text.strip():
            raise PresetError(f"This file, field {field}: write one line without special characters.")
    require_bounds(style)
    base = presets.all_styles.get(style.based_on or "")
    is_like = base is not None and [step.op for step in base.preview] == [step.op for step in style.preview]
    return style if is_like else style.model_copy(update={"based_on": None})

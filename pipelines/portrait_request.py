"""A visitor's raw values as a request."""

from __future__ import annotations

from languages.saying import say
from pipelines.errors import RequestInvalid
from pipelines.schema import HandCrop, PortraitRequest


def build_request(**values: object) -> PortraitRequest:
    """A PortraitRequest from a visitor's raw values.

    Raises:
        RequestInvalid: One of them is missing, of the wrong kind or out of range; the hint names it.
    """
    try:
        return PortraitRequest.model_validate(values)
    except ValueError as error:
        fields = [str(item["loc"][0]) for item in getattr(error, "errors", list)() if item["loc"]]
        advice = _ADVICE.get(fields[0] if fields else "", say("This request is not complete; start again."))
        raise RequestInvalid(advice) from error


def build_crop(**values: object) -> HandCrop:
    """A crop from a visitor's raw values.

    Raises:
        RequestInvalid: One of them is missing, of the wrong kind or out of range.
    """
    try:
        return HandCrop.model_validate(values)
    except ValueError as error:
        raise RequestInvalid(_ADVICE["crop"]) from error


_ADVICE = {
    "photo": say("Add a photo first."),
    "consent": say("Tick the consent box first."),
    "seeds": say("Choose a seed from 0 to 4294967295 and one to four variations."),
    "likeness": say("Choose a likeness from 0 to 1."),
    "style_id": say("There is no such style; choose one from the list."),
    "scene_id": say("There is no such scene; choose one from the list."),
    "model_id": say("There is no such model; choose one from the list."),
    "face_index": say("That face is not in the photo; choose one of those that were found."),
    "shape": say("There is no such shape; choose 1:1, 4:5 or 9:16."),
    "size": say("There is no such size; choose screen or print."),
    "crop": say("Set the crop by its middle and width, in percent of the photo, and at most 45 degrees: 50,40,60,0."),
    "visible_label": say("Choose true or false for the visible label."),
    "extra_prompt": say("Your own words are too long; keep them under 400 characters."),
}

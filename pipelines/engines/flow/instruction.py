"""What an edit model is told: the style's words, the scene's and the visitor's, and to leave the person who they are.

It names no gender, age or ethnicity, and nothing that was read from the photo: the model sees the photo itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pipelines.schema import AnnotatorName, Scene, Style

Shown = Literal["photo", "head", "style picture"] | AnnotatorName

_DRAWN: dict[AnnotatorName, str] = {
    "canny": "an edge map",
    "lineart": "a line drawing",
    "softedge": "a soft edge map",
    "mediapipe_face": "the outline of the face",
    "pose": "a pose skeleton",
    "depth": "a depth map",
    "tile": "a blurred copy",
}
_CLOSE, _FREE = 2 / 3, 1 / 3


def is_free(likeness: float) -> bool:
    """Whether the style may bend the photo's own lines, so that no drawing of them is shown."""
    return likeness <= _FREE


def instruction(
    style: Style, scene: Scene, words: str, likeness: float, shown: Sequence[Shown], *, picture: str
) -> str:
    """The instruction, in English.

    Args:
        style: With overrides for the model stack already applied.
        scene: Without a prompt, the photo's own surroundings stay.
        words: The visitor's own, as they were typed.
        likeness: 0..1; at a third and below shapes may be bent, from two thirds up they may not.
        shown: What the pictures are that the model sees, in their order, the photo first.
        picture: What the model calls a picture, such as "image"; they are counted from 1.
    """
    named: dict[Shown, str] = {kind: f"{picture} {number}" for number, kind in enumerate(shown, 1)}
    photo = named["photo"]
    said = [f"Repaint the photo in {photo} as this picture: {_sentence(style.prompt)}"]
    if "style picture" in named:
        said.append(f"Take colours, brushwork and material from {named['style picture']}, and nothing that it shows.")
    said.append(f"Show the person {_sentence(scene.prompt)}" if scene.prompt else f"Keep the surroundings of {photo}.")
    if words.strip():
        said.append(_sentence(words.strip()))
    skin = ", the skin tone" if style.natural_colour else ""
    said.append(
        f"It stays the same person as in {photo}: keep the pose, the shape of the face and the body, eyes, nose and"
        f" mouth{skin}, how old they look, the hair, and glasses where there are any. Add and remove nothing of the"
        " face."
    )
    for kind, name in named.items():
        if kind == "head":
            said.append(f"{_first_large(name)} shows the same face from nearer.")
        elif kind in _DRAWN:
            said.append(f"{_first_large(name)} is {_DRAWN[kind]} of {photo}: keep what it shows where it is.")
    if likeness >= _CLOSE:
        said.append(f"Follow {photo} closely, its clothes too; only how it is painted changes.")
    elif is_free(likeness):
        said.append(
            "The style comes first: simplify and exaggerate shapes as it would, as long as one knows them again."
        )
    return " ".join(said)


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _first_large(name: str) -> str:
    return name[0].upper() + name[1:]

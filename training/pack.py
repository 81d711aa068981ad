"""The packed data file: pictures in one zip, small enough to travel.

Members: `index.json` (examples, prompts) and the pictures, named by what they are. Reading needs numpy and Pillow only.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

_QUALITY = {"lineart": 70, "faces": 70, "starts": 85, "tiles": 78, "paintings": 92}
_GREY = ("lineart", "faces")
FOLDERS = ("starts", "tiles", "lineart", "faces", "paintings")


@dataclass(frozen=True)
class Example:
    """One training example: a person in a style and a scene.

    Attributes:
        name: Key into the pictures of a Pack.
        style: Style id, key into Pack.prompts.
        scene: Scene id, key into Pack.scene_prompts.
    """

    name: str
    style: str
    scene: str

    @property
    def person(self) -> str:
        """Key into the pictures that all examples of a person share."""
        return self.name.split("-")[0]


@dataclass
class Pack:
    """All training data, decoded: every picture is (H, W, 3) uint8 RGB; line drawings and faces are (H, W) uint8.

    Attributes:
        prompts: Prompt by style id.
        scene_prompts: Prompt by scene id, "" for none.
        examples: What is learnt from.
        starts: What diffusion begins with, by name: what the filters lay in.
        tiles: The photo in its scene and light: what the colour control shows.
        lineart: Line drawing of the photo by person, white on black.
        faces: Where the face must stay exact, by person: white on eyes, brows and mouth, grey on the rest of it.
        teachers: By style id, what is taught: training.teachers.Teacher as a mapping.
        paintings: By style id, the painting whose brush is learnt.
    """

    prompts: dict[str, str]
    scene_prompts: dict[str, str]
    examples: list[Example] = field(default_factory=list)
    starts: dict[str, np.ndarray] = field(default_factory=dict)
    tiles: dict[str, np.ndarray] = field(default_factory=dict)
    lineart: dict[str, np.ndarray] = field(default_factory=dict)
    faces: dict[str, np.ndarray] = field(default_factory=dict)
    teachers: dict[str, dict[str, Any]] = field(default_factory=dict)
    paintings: dict[str, np.ndarray] = field(default_factory=dict)

    def prompt(self, style: str, scene: str) -> str:
        """The words for a style in a scene, as the studio puts them together."""
        return ", ".join(part for part in (self.prompts[style], self.scene_prompts.get(scene, "")) if part)


class PackWriter:
    """Writes a pack picture by picture, so that rendering can be cut off at any time: `close` writes the index."""

    def __init__(self, path: Path, pack: Pack) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._pack = pack

    def picture(self, folder: str, name: str, pixels: np.ndarray) -> None:
        """Add one picture as WebP.

        Args:
            folder: One of FOLDERS.
            name: Unique within the folder.
            pixels: (H, W, 3) or (H, W) uint8.
        """
        buffer = io.BytesIO()
        Image.fromarray(pixels).convert("RGB").save(buffer, "WEBP", quality=_QUALITY.get(folder, 92), method=2)
        self._zip.writestr(f"{folder}/{name}.webp", buffer.getvalue())

    def close(self, examples: Iterable[Example]) -> None:
        """Write the index and end the file."""
        index = {
            "prompts": self._pack.prompts,
            "scene_prompts": self._pack.scene_prompts,
            "teachers": self._pack.teachers,
            "examples": [asdict(example) for example in examples],
        }
        self._zip.writestr("index.json", json.dumps(index))
        self._zip.close()


def read_pack(*paths: Path) -> Pack:
    """Decode packs into memory (4 MB an example), one after the other; words of the last hold.

    Raises:
        FileNotFoundError: There is no such file; `python -m training.data` makes it.
    """
    pack = Pack({}, {})
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            index = json.loads(archive.read("index.json"))
            pack.prompts |= index["prompts"]
            pack.scene_prompts |= index["scene_prompts"]
            pack.teachers |= index["teachers"]
            pack.examples += [Example(**example) for example in index["examples"]]
            for member in archive.namelist():
                folder, _, name = member.removesuffix(".webp").partition("/")
                if not name:
                    continue
                with Image.open(io.BytesIO(archive.read(member))) as image:
                    pixels = np.array(image.convert("L" if folder in _GREY else "RGB"))
                getattr(pack, folder)[name] = pixels
    return pack

"""The packed data file: photos, line drawings and targets as pictures in one zip, small enough to travel.

Members: `index.json` (people, pairs, styles, scenes, prompts) and the pictures, named by what they are. Reading needs
numpy and Pillow only.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

_QUALITY = {"pictures": 75, "paintings": 80}  # 60 people in 29 styles stay under 60 MB


@dataclass(frozen=True)
class Pair:
    """One training example: a person in a style and a scene.

    Attributes:
        person: Key into Pack.photos and Pack.lineart.
        style: Style id, key into Pack.prompts.
        scene: Scene id, key into Pack.scene_prompts.
        target: Name of the stylised picture.
        left: Left edge of the target in the person's photo, in pixels.
        top: Top edge, likewise.
    """

    person: str
    style: str
    scene: str
    target: str
    left: int
    top: int


@dataclass
class Pack:
    """All training data, decoded: every picture is (H, W, 3) uint8 RGB, line drawings (H, W) uint8.

    Attributes:
        prompts: Prompt by style id.
        scene_prompts: Prompt by scene id, "" for none.
        natural: Ids of the styles that keep natural colour, whose photo and target may be recoloured together.
        pairs: The examples.
        photos: Photo by person.
        lineart: Line drawing by person, white on black.
        pictures: Targets by name, side x side.
        paintings: Paintings by file stem, for the autoencoder.
    """

    prompts: dict[str, str]
    scene_prompts: dict[str, str]
    natural: list[str]
    pairs: list[Pair] = field(default_factory=list)
    photos: dict[str, np.ndarray] = field(default_factory=dict)
    lineart: dict[str, np.ndarray] = field(default_factory=dict)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)
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
            folder: photos, lineart, pictures or paintings.
            name: Unique within the folder.
            pixels: (H, W, 3) or (H, W) uint8.
        """
        buffer = io.BytesIO()
        Image.fromarray(pixels).convert("RGB").save(buffer, "WEBP", quality=_QUALITY.get(folder, 90), method=3)
        self._zip.writestr(f"{folder}/{name}.webp", buffer.getvalue())

    def close(self, pairs: Iterable[Pair]) -> None:
        """Write the index and end the file."""
        index = {
            "prompts": self._pack.prompts,
            "scene_prompts": self._pack.scene_prompts,
            "natural": self._pack.natural,
            "pairs": [asdict(pair) for pair in pairs],
        }
        self._zip.writestr("index.json", json.dumps(index))
        self._zip.close()


def read_pack(path: Path) -> Pack:
    """Decode a pack into memory (about 0.8 GB for 60 people in 29 styles).

    Raises:
        FileNotFoundError: There is no such file; `python -m training data` makes it.
    """
    with zipfile.ZipFile(path) as archive:
        index = json.loads(archive.read("index.json"))
        pack = Pack(
            prompts=index["prompts"],
            scene_prompts=index["scene_prompts"],
            natural=index["natural"],
            pairs=[Pair(**pair) for pair in index["pairs"]],
        )
        for member in archive.namelist():
            folder, _, name = member.removesuffix(".webp").partition("/")
            if not name:
                continue
            with Image.open(io.BytesIO(archive.read(member))) as image:
                pixels = np.array(image.convert("L" if folder == "lineart" else "RGB"))
            getattr(pack, folder)[name] = pixels
    return pack

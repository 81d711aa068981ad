"""A visit's own styles: those it keeps, and what it has changed of a style and not kept yet. They go with the visit."""

from __future__ import annotations

import re
import threading
import time
import unicodedata
from dataclasses import dataclass, field

from pydantic import ValidationError

from languages.saying import say
from pipelines.errors import RequestInvalid
from pipelines.presets.loading import Presets
from pipelines.presets.own import recipe_digest
from pipelines.presets.writing import as_toml
from pipelines.schema import Style

MAX_OWN_STYLES = 12
_TELL_FROM = 9  # how many there are when the limit is told
_LONGEST_NAME, _LONGEST_ID = 40, 40


@dataclass(frozen=True)
class OwnStyle:
    """A style with when it was made, `time.monotonic`."""

    style: Style
    at: float = field(default_factory=time.monotonic)

    @property
    def bytes(self) -> int:
        """What it takes, written as a file."""
        return len(as_toml(self.style).encode())


class OwnStyles:
    """Of one visit. Safe for many threads."""

    def __init__(self) -> None:
        self._kept: dict[str, OwnStyle] = {}
        self._drafts: dict[str, OwnStyle] = {}  # by the id of the style that was changed
        self._lock = threading.Lock()

    @property
    def kept(self) -> dict[str, OwnStyle]:
        """Those with a name, by id, oldest first."""
        with self._lock:
            return dict(self._kept)

    @property
    def drafts(self) -> dict[str, OwnStyle]:
        """Changed styles without a name, by the id of the style that was changed."""
        with self._lock:
            return dict(self._drafts)

    @property
    def styles(self) -> dict[str, Style]:
        """Those with a name, by id."""
        return {id: one.style for id, one in self.kept.items()}

    def presets(self, presets: Presets) -> Presets:
        """All that this visit can choose from."""
        return presets.with_own(self.styles)

    def find(self, style_id: object) -> Style | None:
        """What this visit paints for a style: what it has changed of it, or its own one; None for a preset as it is."""
        with self._lock:
            found = self._drafts.get(str(style_id)) or self._kept.get(str(style_id))
        return None if found is None else found.style

    def change(self, style: Style, changed: Style) -> Style | None:
        """Note what was changed of a style. Returns the draft; None where nothing differs any more.

        Args:
            style: As it was.
            changed: The same with other values.
        """
        with self._lock:
            if recipe_digest(style) == recipe_digest(changed):
                self._drafts.pop(style.id, None)
                return None
            draft = changed.model_copy(
                update={
                    "id": f"{style.id[: _LONGEST_ID - 7].rstrip('-')}-edited",
                    "name": _edited(style.name),
                    "based_on": style.based_on if style.id in self._kept else style.id,
                }
            )
            self._drafts[style.id] = OwnStyle(draft)
            return draft

    def put_back(self, style_id: str, draft: Style) -> None:
        """A draft once more, as a portrait was made with it."""
        with self._lock:
            self._drafts[style_id] = OwnStyle(draft)

    def back(self, style_id: str) -> None:
        """Forget what was changed of a style."""
        with self._lock:
            self._drafts.pop(style_id, None)

    def keep(self, style_id: str, name: str, presets: Presets) -> Style:
        """Keep a style, as it is now, under a name; under the name of the own style that it is, in its place.

        Raises:
            RequestInvalid: The name cannot be used, there is no such style, or no room.
        """
        name = _plain_name(name)
        with self._lock:
            before = self._kept.get(style_id)
            source = self._drafts.get(style_id) or before
            style = presets.style(style_id) if source is None else source.style
            if before is not None and before.style.name == name:
                kept = style.model_copy(update={"id": style_id, "name": name})
            else:
                base = presets.all_styles.get(style_id if before is None else before.style.based_on or "")
                said = (
                    say("Your own style, made from {name}.", name=base.name)
                    if base is not None
                    else say("A style of your own.")
                )
                own = {
                    "based_on": base.id if base is not None else None,
                    "summary": said,
                    "keywords": (),
                    "order": 1000,
                }
                kept = self._new(style.model_copy(update=own), name, presets)
            self._kept[kept.id] = OwnStyle(kept)
            self._drafts.pop(style_id, None)
            return kept

    def add(self, style: Style, presets: Presets) -> Style:
        """Keep a style that came as a file.

        Raises:
            RequestInvalid: It is there already, or there is no room.
        """
        with self._lock:
            names = {one.style.name for one in self._kept.values()} | {one.name for one in presets.all_styles.values()}
            same = [one.style.name for one in self._kept.values() if recipe_digest(one.style) == recipe_digest(style)]
            if style.name in same:
                raise RequestInvalid(say("You have this style already: {name}.", name=style.name))
            name, number = style.name, 2
            while name in names:
                name, number = f"{style.name[: _LONGEST_NAME - 4].rstrip()} {number}", number + 1
            kept = self._new(style, name, presets)
            self._kept[kept.id] = OwnStyle(kept)
            return kept

    def remove(self, style_id: object) -> Style:
        """Forget an own style, and what was changed of it.

        Raises:
            RequestInvalid: There is none with this id.
        """
        with self._lock:
            gone = self._kept.pop(str(style_id), None)
            if gone is None:
                raise RequestInvalid(say("That style of yours is not there any more."))
            self._drafts.pop(str(style_id), None)
            return gone.style

    def clear(self) -> None:
        """The visit is over."""
        with self._lock:
            self._kept.clear()
            self._drafts.clear()

    def room(self) -> str:
        """How many more can be kept, once that is few; else ""."""
        count = len(self.kept)
        if count < _TELL_FROM:
            return ""
        values = {"number": count, "most": MAX_OWN_STYLES}
        if count < MAX_OWN_STYLES:
            return say("{number} of {most} styles of your own are kept.", **values)
        return say("{number} of {most} styles of your own are kept; remove one to keep another.", **values)

    def _new(self, style: Style, name: str, presets: Presets) -> Style:
        """With a name and an id that are its own. Under our lock."""
        if len(self._kept) >= MAX_OWN_STYLES:
            raise RequestInvalid(
                say(
                    "{max_own_styles} styles of your own are kept at most; remove one first.",
                    max_own_styles=MAX_OWN_STYLES,
                )
            )
        if name in {one.style.name for one in self._kept.values()} | {one.name for one in presets.all_styles.values()}:
            raise RequestInvalid(say("There is a style called {name} already; choose another name.", name=name))
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        slug = "-".join(["mine", *re.findall(r"[a-z0-9]+", plain)])[: _LONGEST_ID - 4].rstrip("-")
        taken = {*self._kept, *presets.all_styles}
        numbered = (slug if number == 1 else f"{slug}-{number}" for number in range(1, len(taken) + 2))
        free = next(one for one in numbered if one not in taken and one != "mine")
        try:
            return Style.model_validate(style.model_dump() | {"id": free, "name": name})
        except ValidationError as error:
            raise RequestInvalid(say("Give the style a name of 2 to 40 characters.")) from error


def _edited(name: str) -> str:
    if len(name) > _LONGEST_NAME - 8:
        name = name[: _LONGEST_NAME - 8].rstrip()
    # Translators: the name of a style that was changed
    return say("{name}, edited", name=name)


def _plain_name(name: object) -> str:
    plain = " ".join(name.split()) if isinstance(name, str) else ""
    if not 2 <= len(plain) <= _LONGEST_NAME or not plain.isprintable():
        raise RequestInvalid(say("Give the style a name of 2 to 40 characters."))
    return plain

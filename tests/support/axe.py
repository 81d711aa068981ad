"""Axe looks at a page in every look: light, dark, forced colours and narrow.

In `make test` each state of a page is seen light and in one of the others, by turns.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.support.searches import in_full

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK, PHONE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}, {"width": 320, "height": 640}
LOOKS: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "light": ({"color_scheme": "light", "forced_colors": "none"}, DESK),
    "dark": ({"color_scheme": "dark", "forced_colors": "none"}, DESK),
    "forced colours": ({"color_scheme": "light", "forced_colors": "active"}, DESK),
    "320 px": ({"color_scheme": "light", "forced_colors": "none"}, NARROW),
}


@contextmanager
def looking_at(page: Page, size: dict[str, int]) -> Iterator[Callable[[str], None]]:
    """A function that looks at what is on the page now; whatever was found by the end fails.

    Args:
        page: The page.
        size: Of the window between looks.
    """
    found: list[str] = []
    axe = Axe()
    light, *others = LOOKS
    turns = itertools.cycle(others)

    def look(state: str) -> None:
        for name in (light, *(others if in_full() else (next(turns),))):
            media, window = LOOKS[name]
            page.emulate_media(reduced_motion="reduce", **media)  # colours do not fade in
            page.set_viewport_size(window)  # type: ignore[arg-type]
            page.wait_for_timeout(250)  # colours fade in
            answer = axe.run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response
            found.extend(
                f"{state}, {name}: {one['id']} {[node['target'] for node in one['nodes']]}"
                for one in answer["violations"]
            )
            too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            found.extend([f"{state}, {name}: {too_wide} px to the side"] if too_wide > 0 else [])
        page.emulate_media(**LOOKS["light"][0])
        page.set_viewport_size(size)  # type: ignore[arg-type]

    yield look
    assert found == []

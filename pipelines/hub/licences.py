"""What the licences of weights allow. A stack with a part that may not be used commercially, or of which nobody here
knows, is never what "auto" takes.
"""

from __future__ import annotations

from typing import Literal

Use = Literal["yes", "yes, but for what it forbids", "no", "not known"]

_RAIL: Use = "yes, but for what it forbids"  # a list of harmful uses, to be handed on with pictures and copies

COMMERCIAL: dict[str, Use] = {
    "Apache-2.0": "yes",
    "MIT": "yes",
    "BSD-2-Clause": "yes",
    "BSD-3-Clause": "yes",
    "CC0-1.0": "yes",
    "CreativeML-OpenRAIL-M": _RAIL,
    "OpenRAIL": _RAIL,
    "OpenRAIL++": _RAIL,
    "OpenRAIL++-M": _RAIL,
    # Retrained by the author of ControlNet, who writes in its code: "Please use this implementation in your products."
    "other (HED, Apache-2.0 code)": "yes",
    "CC-BY-NC-4.0": "no",
    "FLUX.1-dev Non-Commercial": "no",
    "FLUX Non-Commercial": "no",
    "Qwen Research": "no",
    "Stability AI Non-Commercial Research Community": "no",
}


def commercial_use(licence: str) -> Use:
    """Whether weights under a licence may be used commercially, by the name that a preset gives it."""
    return COMMERCIAL.get(licence, "not known")


def allows_commerce(licence: str) -> bool:
    """Whether it is known to."""
    return commercial_use(licence).startswith("yes")

"""The operator's settings for safety, from the environment.

STUDIO_SAFETY_CHECKER            auto: the picture checker is used where its weights are; required: without it no
                                 diffusion picture is made; where-needed: the same, but for the embedded checkpoint,
                                 which can only repaint your photo in the styles that it was trained on; off.
                                 Default: where-needed on a Hugging Face Space, else auto
STUDIO_PORTRAITS_PER_MINUTE      of one session (default 60; 0 is no limit, here and below)
STUDIO_PORTRAITS_PER_HOUR        of one session (default 600)
STUDIO_PORTRAITS_PER_HOUR_PER_ADDRESS   of one network address, over all its sessions (default 2400)
STUDIO_CONSENTS_PER_HOUR_PER_ADDRESS    visits that one network address may begin (default 300)
STUDIO_REFUSALS_PER_HOUR         refused words of one session, after which its words are not read for a while
                                 (default 10; three times as many for a network address)
STUDIO_TRUSTED_PROXIES           how many proxies of your own stand in front and append to X-Forwarded-For
                                 (default 0: the header is not believed)
STUDIO_MISUSE_LOG                file for the log of refusals, rotated at 1 MB, five kept (default: none)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.errors import SettingsError

CheckerUse = Literal["auto", "required", "where-needed", "off"]
_Count = Annotated[int, Field(ge=0, le=1_000_000)]

_NAMES = {
    "checker": "STUDIO_SAFETY_CHECKER",
    "portraits_per_minute": "STUDIO_PORTRAITS_PER_MINUTE",
    "portraits_per_hour": "STUDIO_PORTRAITS_PER_HOUR",
    "portraits_per_hour_per_address": "STUDIO_PORTRAITS_PER_HOUR_PER_ADDRESS",
    "consents_per_hour_per_address": "STUDIO_CONSENTS_PER_HOUR_PER_ADDRESS",
    "refusals_per_hour": "STUDIO_REFUSALS_PER_HOUR",
    "trusted_proxies": "STUDIO_TRUSTED_PROXIES",
    "misuse_log": "STUDIO_MISUSE_LOG",
}


class SafetySettings(BaseModel):
    """What the operator has set; 0 is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checker: CheckerUse = "auto"
    portraits_per_minute: _Count = 60
    portraits_per_hour: _Count = 600
    portraits_per_hour_per_address: _Count = 2400
    consents_per_hour_per_address: _Count = 300
    refusals_per_hour: _Count = 10
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    misuse_log: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings.

        Raises:
            SettingsError: One of them has no meaning; the hint names it.
        """
        values: dict[str, Any] = {
            field: environment[name].strip() for field, name in _NAMES.items() if environment.get(name, "").strip()
        }
        if "SPACE_ID" in environment:  # open to everybody, so nothing is shown there that nobody looked at
            values.setdefault("checker", "where-needed")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            field = str(error.errors()[0]["loc"][0])
            wanted = "auto, required, where-needed or off" if field == "checker" else "a whole number of 0 or more"
            raise SettingsError(f"The setting {_NAMES[field]} must be {wanted}; correct it and start again.") from error

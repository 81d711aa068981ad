"""Everything that the page's tabs share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from pipelines.hub.jobs import Downloads
from pipelines.presets.loading import Presets
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.settings import Settings
from study.archive import PortraitArchive
from study.consent import ConsentRegistry
from study.opening import Studies
from visits.limits import Limits
from visits.open_visits import Visits
from visits.sittings import Sittings
from visits.uploads import Uploads


@dataclass(frozen=True)
class Studio:
    """What the tabs are built from.

    Attributes:
        downloads: Of models, for the operator's page; None where there is no such page.
        operator_token: What opens it; "" where there is no such page.
    """

    presets: Presets
    pipeline: SelfPortraitPipeline
    consents: ConsentRegistry
    visits: Visits
    uploads: Uploads
    archive: PortraitArchive | None = None
    limits: Limits = field(default_factory=lambda: Limits(Settings.read()))
    studies: Studies | None = None
    downloads: Downloads | None = None
    operator_token: str = ""

    @cached_property
    def sittings(self) -> Sittings:
        """Participants of studies whose portraits are being made."""
        return Sittings(self.pipeline)

    @property
    def settings(self) -> Settings:
        """What the operator has set."""
        return self.limits.settings

    @property
    def is_kiosk(self) -> bool:
        """Whether it stands in an exhibition: visits end without a touch, and portraits are fetched on phones."""
        return self.settings.kiosk > 0

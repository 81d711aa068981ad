"""app.py with small portraits, live pictures and tiles, whose networks look at the same photo once: real in all else,
and made in a fraction of the time."""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pipelines import live_pictures
from pipelines.engines.filters.engine import FilterEngine
from tests.support import looked_at_once
from tests.support.site import ROOT, TOY_PREVIEW, TOY_SIZE, TOY_TILE

if __name__ == "__main__":
    FilterEngine.size, live_pictures.PREVIEW_SIZE = TOY_SIZE, TOY_PREVIEW
    live_pictures.TILE_PAINTED_AT = TOY_TILE
    looked_at_once.remember()
    runpy.run_path(str(ROOT / "app.py"), run_name="__main__")

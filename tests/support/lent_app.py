"""app.py on a Space that lends GPUs, with small portraits. The GPU that is lent is a processor."""

import runpy
import sys
from pathlib import Path

import spaces  # noqa: F401  # as in app.py: before all else

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pipelines import live_pictures
from pipelines.engines import lent
from pipelines.engines.device import Device
from pipelines.engines.filters.engine import FilterEngine
from tests.support.site import ROOT, TOY_PREVIEW, TOY_SIZE

if __name__ == "__main__":
    FilterEngine.size, live_pictures.PREVIEW_SIZE = TOY_SIZE, TOY_PREVIEW
    lent.DEVICE = Device("cpu", None)
    runpy.run_path(str(ROOT / "app.py"), run_name="__main__")

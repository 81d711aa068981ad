"""app.py with small portraits: real in all else, and made in a third of the time."""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pipelines.engines.filters.engine import FilterEngine
from tests.support.site import ROOT, TOY_SIZE

if __name__ == "__main__":
    FilterEngine.size = TOY_SIZE
    runpy.run_path(str(ROOT / "app.py"), run_name="__main__")

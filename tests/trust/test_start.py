"""An app that cannot start says why in one sentence and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.site import PATIENCE, ROOT, Site


@pytest.mark.slow
def test_a_taken_port_is_one_sentence(site: Site, tmp_path: Path) -> None:
    port = site.url.rsplit(":", 1)[1]
    second = subprocess.run(
        [sys.executable, "app.py", "--port", port],
        cwd=ROOT,
        env={**os.environ, "STUDIO_TEMP_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert second.returncode == 1
    assert f"Port {port} is taken" in second.stderr
    assert "Traceback" not in second.stderr
    assert list(tmp_path.rglob("*")) == []
    assert site.process.poll() is None

"""A board by a program: what the README tells to do, done, and where consent is missing, refused."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipelines.provenance import marking
from tests.conftest import ROOT
from tests.support.studio import Served

README = (ROOT / "README.md").read_text("utf-8")


def program() -> str:
    found = re.search(r"\*\*From a program\*\*.*?```python\n(.*?)```", README, re.S)
    assert found is not None
    return found.group(1)


@pytest.mark.slow
def test_the_readmes_program_makes_a_board_and_no_other_key_opens_it(
    served: Served, photo_bytes: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(photo_bytes)
    names: dict[str, Any] = {}
    exec(program().replace("http://127.0.0.1:7860", served.url), names)  # the README's own words
    try:
        assert "2 portraits, 0 of them there, 2 to make" in capsys.readouterr().out
        with zipfile.ZipFile(tmp_path / "board.pptx") as slides:
            pictures = [slides.read(name) for name in slides.namelist() if name.startswith("ppt/media/")]
        assert [marking.check(one).is_ours for one in pictures].count(True) == 2

        http, ask, key = names["http"], names["ask"], names["key"]
        with pytest.raises(SystemExit, match="not a picture"):
            ask("POST", "/photo", params={"title": "Sam", "consent": "Sam agreed to this."}, content=b"no photo")
        with pytest.raises(SystemExit, match="styles"):
            ask("POST", "/plan", json={"title": "None", "styles": []})
        strange = http.get("/progress", headers={"x-studio-key": "guess"})
        assert strange.status_code == 403
        names["client"].predict(False, api_name="/consent")
        for path in ("/progress", f"/{key}/export.pptx"):
            assert http.get(path).status_code == 403, "consent was taken back, and all is deleted"
    finally:
        names["http"].close()
        names["client"].close()

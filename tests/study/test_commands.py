"""python -m study: what it prints, and where it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.settings import Settings
from study.__main__ import main
from study.opening import open_store, open_studies, studies_folder
from study.plan.freezing import load_frozen
from tests.support.studies import SMALL_STUDY, take_part


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STUDIO_STUDIES_FOLDER", str(tmp_path / "kept"))
    (tmp_path / "plan.md").write_text("plan")
    path = tmp_path / "small.toml"
    path.write_text(SMALL_STUDY)
    return str(path)


def test_check_freeze_codes_and_verify(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", file]) == 0
    said = capsys.readouterr().out
    assert "3 conditions in 6 rows" in said
    assert "1 of screening, 3 of ratings, 5 of pairs, 1 of questionnaire" in said
    assert main(["freeze", file]) == 0
    frozen = load_frozen(Path(file))
    assert frozen.sha256 in capsys.readouterr().out
    assert main(["codes", file, "3"]) == 0
    codes = capsys.readouterr().out.split()
    store = open_store(Settings.read())
    assert len(codes) == 3
    assert all(store.is_listed(store.identity.participant("small", code)) for code in codes)
    store.register(frozen)
    done = take_part(store, frozen, codes[0])
    assert main(["verify", file, str(done.completion)]) == 0
    assert f"genuine\t{done.id}" in capsys.readouterr().out
    assert main(["verify", file, "AAAAAAAA"]) == 1
    assert "made up" in capsys.readouterr().out
    store.database.close()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SMALL_STUDY, (True, False)),
        (SMALL_STUDY.replace("university.example", "university.edu"), (False, False)),
        (SMALL_STUDY.partition("[recruiting]")[0].replace("university.example", "example.org"), (True, True)),
    ],
)
def test_what_is_left_to_write_is_told(
    file: str, capsys: pytest.CaptureFixture[str], text: str, told: tuple[bool, bool]
) -> None:
    Path(file).write_text(text)
    for command in ("check", "freeze"):
        assert main([command, file]) == 0
        said = capsys.readouterr().out
        assert ("contact is an example" in said, "no links back" in said) == told, command


def test_what_cannot_be_done_is_one_sentence(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).write_text(SMALL_STUDY.replace('version = "1"', 'version = "one"'))
    assert main(["freeze", file]) == 1
    said = capsys.readouterr().err
    assert said.startswith("small.toml, line 2, field version:")
    assert said.count("\n") == 1
    assert main(["check", "no-such-study"]) == 1
    assert "no-such-study.toml cannot be read" in capsys.readouterr().err


def test_the_settings_open_studies(file: str, tmp_path: Path) -> None:
    known: dict[str, Any] = {"styles": {"oil-master", "comic", "pop-art"}, "scenes": {"none"}, "engines": {"preview"}}
    assert open_studies(Settings.read({}), **known) is None
    main(["freeze", file])
    settings = Settings.read({"STUDIO_STUDIES": f" {file} ,", "STUDIO_STUDIES_FOLDER": str(tmp_path / "kept")})
    opened = open_studies(settings, **known)
    assert opened is not None
    assert list(opened.running) == ["small"]
    opened.store.database.close()
    assert studies_folder(Settings.read({"XDG_DATA_HOME": "/data"})) == Path("/data/self-portrait-studio/studies")

"""Licences of weights: the README's table is what the presets say, and no default is bound to non-commercial use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.engines.kinds import KINDS
from pipelines.hub.components import ANNOTATOR_WEIGHTS, SAFETY_CHECKER
from pipelines.hub.licences import COMMERCIAL, allows_commerce, commercial_use
from pipelines.presets.loading import PRESETS, Presets, load_presets
from pipelines.presets.readme import licence_table, with_licences

ROOT = Path(__file__).resolve().parents[1]


def test_the_readme_has_every_part_of_every_stack(presets: Presets) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert with_licences(readme, presets.models) == readme, "run python -m pipelines.presets"
    table = licence_table(presets.models)
    for stack in presets.models.values():
        for component in stack.components():
            rows = [line for line in table.splitlines() if line.startswith(f"| {stack.id} |")]
            assert any(component.name in row and component.source.licence in row for row in rows), component


def test_every_default_may_be_used_commercially(presets: Presets) -> None:
    defaults = [stack for stack in presets.models.values() if stack.rank > 0]
    assert len(defaults) >= 4
    for stack in defaults:
        assert all(allows_commerce(component.source.licence) for component in stack.components()), stack.id
    others = {
        stack.id: {component.source.licence for component in stack.components()} for stack in presets.models.values()
    }
    assert not [name for name, found in others.items() if any(commercial_use(one) == "no" for one in found)]


def test_what_reads_and_checks_may_be_used_commercially() -> None:
    for source in (*ANNOTATOR_WEIGHTS.values(), SAFETY_CHECKER.source):
        assert allows_commerce(source.licence), source.repo_id


@pytest.mark.parametrize("licence", ["CC-BY-NC-4.0", "FLUX Non-Commercial", "Qwen Research", "read the card", "no"])
@pytest.mark.parametrize("part", ["base", "text_encoder"])
def test_other_weights_are_taken_only_when_asked_for(licence: str, part: str, presets: Presets) -> None:
    content = presets.models["flux2-klein"].model_dump()
    content[part] |= {"licence": licence}
    stack = KINDS[content["kind"]].stack
    with pytest.raises(ValueError, match="rank must be 0, because the"):
        stack.model_validate(content)
    assert stack.model_validate(content | {"rank": 0}).rank == 0


def test_an_operators_file_with_such_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    text = (PRESETS / "models" / "flux2-klein.toml").read_text("utf-8").replace("Apache-2.0", "CC-BY-NC-4.0")
    (tmp_path / "models" / "mine.toml").write_text(text, "utf-8")
    (problem,) = load_presets(PRESETS, more=tmp_path).problems
    assert "Preset models/mine.toml" in problem.hint
    assert 'not known to allow commercial use: "CC-BY-NC-4.0"' in problem.hint


def test_an_unknown_licence_is_not_taken_for_a_free_one() -> None:
    assert commercial_use("made up") == "not known"
    assert not allows_commerce("made up")
    assert {one for one, use in COMMERCIAL.items() if "non-commercial" in one.lower()} <= {
        one for one, use in COMMERCIAL.items() if use == "no"
    }


@pytest.mark.slow
def test_the_command_says_that_both_pages_are_in_order() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "pipelines.presets", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")

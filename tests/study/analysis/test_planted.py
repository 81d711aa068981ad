"""200 simulated people with a planted order, effects, side bias and inattention: the analysis finds all of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from study.analysis.choices import pair_result
from study.analysis.results import Results, analyse
from study.analysis.settings import read_settings
from study.simulation.people import World
from tests.support.planted import ANALYSIS, plan, planted, withdrawn

pytestmark = pytest.mark.slow

WORLD = World.evenly(plan(), 0.5, side=0.3, spread=1.0, inattentive=0.1)
LEFT_MIDWAY = 17


@pytest.fixture(scope="module")
def found() -> Results:
    data = planted(200, WORLD, stop={LEFT_MIDWAY: "pairs-004"})
    return analyse(withdrawn(data, f"{LEFT_MIDWAY:020x}"))


def test_the_planted_strengths_and_the_side_bias_come_back(found: Results) -> None:
    for result in found.main.pairs:
        assert [one.estimate for one in result.strengths] == sorted(
            (one.estimate for one in result.strengths), reverse=True
        )
        for condition, interval in zip(result.conditions, result.strengths, strict=True):
            assert interval.holds(WORLD.strengths[condition]), (result.outcome, condition, interval)
            assert interval.high - interval.low < 0.4
        assert result.side is not None
        assert result.side.holds(0.3), result.side
        assert result.side.low > 0


def test_the_planted_effects_come_back(found: Results) -> None:
    """Of twenty intervals of 95 % one misses, whatever the draw: one may here, and none by far."""
    away: dict[tuple[str, str], float] = {}
    for result in found.main.ratings:
        assert result.model is not None, result.trouble
        for condition, effect, error in zip(
            result.effects_of, result.model.effects, result.model.effect_errors, strict=True
        ):
            planted_effect = WORLD.effects[condition] - WORLD.effects["charcoal"]
            away[result.outcome, condition] = abs(effect - planted_effect) / error
        assert result.model.spread == pytest.approx(1.0, abs=0.25)
        assert result.together is not None
        assert result.together.p is not None
        assert result.together.p < 1e-6
    assert sum(one > 1.96 for one in away.values()) <= 1, away
    assert max(away.values()) < 3.3, away


def test_the_inattentive_are_told_and_change_the_answer(found: Results) -> None:
    excluded = found.everybody.people - found.main.people
    assert 12 <= excluded <= 30
    assert found.flow.excluded["fast"] == excluded
    gap = [
        everybody.strengths[0].estimate / main.strengths[0].estimate
        for main, everybody in zip(found.main.pairs, found.everybody.pairs, strict=True)
    ]
    assert max(gap) < 0.97  # random answers pull towards nothing


@pytest.mark.slow
def test_who_withdrew_is_in_no_table() -> None:
    """The tables are those of a run in which that person never was."""
    data = planted(20, WORLD, stop={LEFT_MIDWAY: "pairs-004"})
    gone = f"{LEFT_MIDWAY:020x}"
    after = analyse(withdrawn(data, gone))
    never = analyse(data.of({one.id for one in data.people} - {gone}))
    for name in ("main", "everybody"):
        np.testing.assert_equal(_plain(getattr(after, name)), _plain(getattr(never, name)))
    assert after.flow.departures == {"withdrawn": 1}
    assert after.flow.came == never.flow.came + 1
    assert after.flow.consented == never.flow.consented + 1
    assert gone not in repr(after)


def test_contrasts_of_primary_outcomes_are_corrected_together(found: Results) -> None:
    primary = [one for one in found.main.contrasts if one.outcome in ("pairs.more-me", "ratings.me")]
    assert len(primary) == 12
    assert all(one.corrected is not None and one.p is not None and one.corrected >= one.p for one in primary)
    assert all(one.corrected is None for one in found.main.contrasts if one.outcome not in found.settings.primary)


def test_every_seed_covers_about_as_often_as_it_says() -> None:
    """Of 4 strengths and the side in each of 12 small studies, about 95 of 100 intervals hold what was planted."""
    held = []
    conditions = tuple(one.id for one in plan().conditions)
    settings = read_settings(plan(), ANALYSIS).model_copy(update={"draws": 200})
    for seed in range(12):
        data = planted(40, World.evenly(plan(), 0.5, inattentive=0.0), seed=f"coverage {seed}")
        result = pair_result("more-me", data.choices, conditions, settings, seed)
        assert result.side is not None
        held.append(result.side.holds(0.3))
        held += [one.holds(WORLD.strengths[name]) for name, one in zip(conditions, result.strengths, strict=True)]
    assert np.mean(held) > 0.85


def _plain(value: object) -> object:
    return dataclasses.asdict(value)  # type: ignore[call-overload]

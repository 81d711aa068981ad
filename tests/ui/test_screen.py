"""Words and numbers on the screen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.schema import MAX_VARIATIONS
from ui import screen


@given(first=st.integers(0, screen.MAX_SEED), count=st.integers(1, MAX_VARIATIONS))
def test_chosen_seeds_follow_each_other_and_stay_in_range(first: int, count: int) -> None:
    seeds = screen.seeds(first, False, count)
    assert seeds[0] == first
    assert len(set(seeds)) == count
    assert all(0 <= seed <= screen.MAX_SEED for seed in seeds)


@given(count=st.integers(1, MAX_VARIATIONS))
def test_random_seeds_differ(count: int) -> None:
    assert len(set(screen.seeds(3, True, count))) == count


@given(portraits=st.integers(1, 4), each=st.integers(1, 40), data=st.data())
def test_the_step_counter_names_the_portrait_in_work(portraits: int, each: int, data: st.DataObject) -> None:
    total = portraits * each
    step = data.draw(st.integers(1, total))
    words = screen.progress_words(step, total, portraits)
    assert words.startswith(f"Step {step} of {total}")
    if portraits > 1:
        assert words.endswith(f"portrait {-(-step // each)} of {portraits}")


def test_the_preview_engine_is_never_called_diffusion() -> None:
    assert screen.badge("Preview", False).endswith("not diffusion")
    assert "not diffusion" not in screen.badge("Stable Diffusion 1.5", True)


def test_nothing_is_ready_without_consent() -> None:
    assert "consent" in screen.missing(None)

"""Words and numbers on the screen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.engines.base import EngineInfo
from pipelines.results import Faithfulness, RatioChange, SkinShift
from pipelines.schema import MAX_VARIATIONS
from pipelines.seeds import MAX_SEED
from ui import prints, screen


@given(first=st.integers(0, MAX_SEED), count=st.integers(1, MAX_VARIATIONS))
def test_chosen_seeds_follow_each_other_and_stay_in_range(first: int, count: int) -> None:
    seeds = screen.seeds(first, False, count)
    assert seeds[0] == first
    assert len(set(seeds)) == count
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


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
    assert prints.badge("Preview", False).endswith("not diffusion")
    assert "not diffusion" not in prints.badge("Stable Diffusion 1.5", True)


def test_nothing_is_ready_without_consent() -> None:
    assert "consent" in screen.missing(None)


def test_what_was_kept_is_told_in_a_sentence_and_in_numbers() -> None:
    kept = Faithfulness(
        sentence="The face shape was kept.",
        warning="This picture made the skin lighter than in the photo.",
        landmark_drift=0.0213,
        eye_size=RatioChange(before=0.6, after=0.612, percent=2.0),
        jaw_width=RatioChange(before=1.8, after=1.8, percent=-0.01),
        skin=SkinShift(
            ita_before=53,
            ita_after=59,
            ita_shift=6.3,
            lightness_before=70,
            lightness_after=66.5,
            lightness_shift=-3.5,
            red_shift=0,
            yellow_shift=0,
        ),
        edges_kept=0.72,
        unmeasured=("The nose could not be compared.", "The face shape was kept."),
    )
    shown = prints.faithfulness_value(kept)
    assert shown is not None
    assert (shown["sentence"], shown["warning"]) == (kept.sentence, kept.warning)
    numbers = dict(shown["numbers"])
    assert numbers["Eye size"].startswith("+2.0 %")
    assert numbers["Jaw width"].startswith("0.0 %"), "no minus before nothing"
    assert numbers["Points of the face moved"].startswith("2.1 %")
    assert numbers["Skin tone (ITA)"].startswith("+6.3° from 53°")
    assert numbers["Skin lightness (L*)"].startswith("-3.5")
    assert numbers["Lines of the face kept"] == "72 %"
    assert "Nose width" not in numbers
    assert shown["unmeasured"] == ["The nose could not be compared."], "a reason that is the sentence is not told twice"


def test_what_was_not_measured_shows_no_number() -> None:
    nothing = prints.faithfulness_value(Faithfulness(sentence="No face.", unmeasured=("No face.",)))
    assert nothing == {"sentence": "No face.", "warning": "", "numbers": [], "unmeasured": []}
    assert prints.faithfulness_value(None) is None


def test_own_words_are_offered_only_where_they_are_read() -> None:
    def engine(name: str, *, available: bool = True, automatic: bool = False, reads: bool = True) -> EngineInfo:
        return EngineInfo(name, name, True, available, "", 0, "", is_automatic=automatic, reads_words=reads)

    engines = (engine("big", available=False), engine("real", automatic=True), engine("own", reads=False))
    assert [screen.reads_words(engines, chosen) for chosen in ("auto", "real", "own", "big", "nope", None)] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert not screen.reads_words((engine("own", automatic=True, reads=False),), "auto")


def test_the_promise_of_the_page_follows_the_engine_that_runs() -> None:
    def engine(name: str, *, diffusion: bool, automatic: bool = True, available: bool = True) -> EngineInfo:
        return EngineInfo(name, name, diffusion, available, "", 0, "", is_automatic=automatic)

    by_model = screen.promise((engine("Filters", diffusion=False, automatic=False), engine("SDXL", diffusion=True)))
    assert "by AI" in by_model
    assert "SDXL" in by_model
    assert "no AI model" in screen.promise((engine("Filters", diffusion=False),))
    assert screen.promise((engine("SDXL", diffusion=True, available=False),)) == ""


def test_how_long_a_page_was_away_is_told_in_whole_numbers() -> None:
    said = [screen.ended_words(seconds) for seconds in (300, 60, 40, 0)]
    assert ["5 minutes," in said[0], "1 minute," in said[1], "40 seconds," in said[2]] == [True] * 3
    assert "away" not in said[3]


def test_visitors_see_engines_that_work_and_one_sentence_on_the_others() -> None:
    def engine(id: str, *, available: bool = True) -> EngineInfo:
        return EngineInfo(id, id.upper(), True, available, f"{id} is good.", 0, "MIT")

    engines = (engine("big", available=False), engine("real"), engine("huge", available=False))
    assert [id for _, id in screen.engine_choices(engines)] == ["auto", "real"]
    kept = screen.engine_choices(engines, "big")
    assert [id for _, id in kept] == ["auto", "big", "real"], "what was chosen is not replaced"
    assert kept[1][0] == "BIG (not available here)"
    reasons = screen.engine_reasons(engines)
    assert reasons.splitlines()[0] == "- **REAL**: real is good."
    assert reasons.splitlines()[2:] == [
        "With a download or a larger machine, this studio could also have BIG and HUGE."
    ]
    assert "download" not in screen.engine_reasons(engines[1:2])

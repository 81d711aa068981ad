"""Reviewers in the pipeline: words before any work, pictures before they are written; and who says what where."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from pipelines import __main__ as command
from pipelines.errors import EngineUnavailable, PictureRefused, WordsRefused
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.results import PictureOrigin, Refusal
from pipelines.safety.checker import HubChecker
from pipelines.safety.nudity import NudityChecker
from pipelines.safety.policy import PromptPolicy, default_policy
from pipelines.safety.review import PictureReviewer, Safety, WordReviewer
from pipelines.schema import Consent, LoadedPhoto, PortraitRequest
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.reviewers import Picky

pytestmark = pytest.mark.usefixtures("small_pictures")


class Broken(Picky):
    """A reviewer that cannot tell."""

    def review_picture(self, picture: Image.Image, *, origin: PictureOrigin = "made") -> Refusal | None:
        raise EngineUnavailable("The reviewer is out of order; try again.")


@pytest.fixture(scope="module")
def pipeline(presets: Presets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SelfPortraitPipeline]:
    studio = SelfPortraitPipeline(presets, tmp_path_factory.mktemp("portraits"))
    yield studio
    studio.close()


@pytest.fixture
def request_for(loaded: LoadedPhoto, consent: Consent):
    def build(**changes: object) -> PortraitRequest:
        values = {"photo": loaded, "style_id": "film-noir", "seeds": (7,), "model_id": "preview", "consent": consent}
        return build_request(**{**values, **changes})

    return build


def review_with(pipeline: SelfPortraitPipeline, monkeypatch: pytest.MonkeyPatch, *reviewers: PictureReviewer) -> None:
    monkeypatch.setattr(pipeline, "safety", Safety((default_policy(),), reviewers))


def test_the_reviewers_that_ship_keep_to_the_protocol() -> None:
    assert isinstance(default_policy(), WordReviewer)
    for reviewer in (HubChecker(), NudityChecker(), Picky()):
        assert isinstance(reviewer, PictureReviewer)
        assert not isinstance(reviewer, WordReviewer), "each looks at one thing"


def test_one_refused_variation_leaves_the_others(
    pipeline: SelfPortraitPipeline,
    request_for,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    review_with(pipeline, monkeypatch, Picky(2))
    with caplog.at_level(logging.INFO, "studio.misuse"):
        result = pipeline(request_for(seeds=(7, 8, 9)), out_dir=tmp_path)
    assert [portrait.seed for portrait in result.portraits] == [7, 9]
    assert [one.seed for one in result.refused] == [8]
    assert "another seed" in result.refused[0].refusal.sentence
    assert len(list(tmp_path.iterdir())) == 2
    line = json.loads(caplog.messages[-1])
    assert (line["event"], line["reviewer"], line["rule"]) == ("picture-refused", "picky", "picky/turn")


def test_the_portraits_that_stay_are_those_of_their_seeds(
    pipeline: SelfPortraitPipeline, request_for, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alone = pipeline(request_for(seeds=(9,)), out_dir=tmp_path / "alone").portraits[0]
    review_with(pipeline, monkeypatch, Picky(1, 2))
    kept = pipeline(request_for(seeds=(7, 8, 9)), out_dir=tmp_path / "kept").portraits[0]
    with Image.open(alone.path) as one, Image.open(kept.path) as other:
        assert one.tobytes() == other.tobytes()


def test_when_all_are_refused_it_says_why_and_leaves_no_file(
    pipeline: SelfPortraitPipeline, request_for, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    review_with(pipeline, monkeypatch, Picky(1, 2))
    with pytest.raises(PictureRefused) as caught:
        pipeline(request_for(seeds=(7, 8)), out_dir=tmp_path)
    assert caught.value.hint == "Your 2 portraits are not shown. The picky reviewer did not like it; use another seed."
    assert list(tmp_path.iterdir()) == []
    assert pipeline(request_for(), out_dir=tmp_path).portraits


def test_what_cannot_be_reviewed_is_not_shown(
    pipeline: SelfPortraitPipeline, request_for, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    review_with(pipeline, monkeypatch, Broken())
    with pytest.raises(EngineUnavailable, match="out of order"):
        pipeline(request_for(), out_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_refused_words_never_reach_the_line_or_an_engine(
    pipeline: SelfPortraitPipeline, request_for, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewer = Picky()
    review_with(pipeline, monkeypatch, reviewer)
    for ask in (pipeline, pipeline.join):
        with pytest.raises(WordsRefused) as caught:
            ask(request_for(extra_prompt="n4ked in the garden"))
    assert caught.value.found == "naked"
    assert "garden" not in f"{caught.value!r} {caught.value.hint}"
    assert reviewer.seen == []
    with pipeline.join(request_for()) as ticket:
        assert ticket.wait(1.0), "nobody stands in the line"


def test_harmless_words_pass_to_the_engine(pipeline: SelfPortraitPipeline, request_for, tmp_path: Path) -> None:
    words = "in the style of van gogh, visible to the naked eye"
    assert pipeline(request_for(extra_prompt=words), out_dir=tmp_path).portraits


def test_the_command_says_why_words_are_refused(
    face_photo: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "me.png"
    face_photo.save(photo)
    arguments = [str(photo), "--model", "preview", "--prompt", "covered in blood", "--out", str(tmp_path / "out")]
    assert command.main(arguments) == 1
    said = capsys.readouterr().err
    assert "cruelty or gore" in said
    assert "covered in blood" in said
    assert not (tmp_path / "out").exists()


def test_states_tell_who_is_at_work_and_why_not() -> None:
    words, pictures = Safety((default_policy(),), (HubChecker(),)).states()
    assert (words.id, words.active, words.reason) == (PromptPolicy.id, True, "")
    assert (pictures.id, pictures.active) == (HubChecker.id, False)
    assert "not on this machine" in pictures.reason
    (switched_off,) = Safety(pictures=(Picky(),), checker="off").states()
    assert not switched_off.active
    assert "switched off" in switched_off.reason


def test_without_a_checker_diffusion_says_so_or_stops(presets: Presets) -> None:
    words, hub_checker = (default_policy(),), HubChecker()
    without = Safety(words, (hub_checker,))
    embedded, hub = presets.models["embedded"], presets.models["sd15-lcm"]
    for stack in (embedded, hub):
        assert "No picture checker" in without.require_reviewers(stack)[0]
        alone = Safety(words, (Picky(),), checker="required")
        assert alone.require_reviewers(stack) == (), "all that there are look at it"
        required = Safety(words, (hub_checker,), checker="required")
        with pytest.raises(EngineUnavailable, match="choose the instant filters"):
            required.require_reviewers(stack)
    where_needed = Safety(words, (hub_checker,), checker="where-needed")
    assert "No picture checker" in where_needed.require_reviewers(embedded)[0]
    with pytest.raises(EngineUnavailable, match="choose the instant filters"):
        where_needed.require_reviewers(hub)
    partly = Safety(words, (hub_checker, Picky()))
    assert "Not every picture checker" in partly.require_reviewers(hub)[0]
    assert partly.require_reviewers(embedded) == ()
    with pytest.raises(EngineUnavailable, match="every picture checker"):
        Safety(words, (hub_checker, Picky()), checker="where-needed").require_reviewers(hub)
    for safety in (without, required, where_needed):
        assert safety.require_reviewers(None) == (), "the filters change a photo"


def test_previews_of_steps_are_reviewed_too() -> None:
    told: list[tuple[int, Image.Image | None]] = []

    def report(step: int, total: int, preview: Image.Image | None) -> bool:
        told.append((step, preview))
        return step < 3

    picture = Image.new("RGB", (8, 8))
    watched = Safety(pictures=(Picky(2),)).watch(report, one_by_one=True, stack=None)
    assert [watched(step, 3, picture if step else None) for step in range(4)] == [True, True, True, False]
    assert told == [(0, None), (1, picture), (2, None), (3, picture)]
    assert Safety((default_policy(),)).watch(report, one_by_one=True, stack=None) is report


@pytest.mark.parametrize("quick", [True, False])
def test_steps_of_the_instant_filters_are_shown_where_all_can_judge_them_in_time(quick: bool) -> None:
    told: list[Image.Image | None] = []
    picture, reviewer = Image.new("RGB", (8, 8)), Picky(2)
    reviewer.is_quick = quick
    watched = Safety(pictures=(reviewer,)).watch(
        lambda step, total, preview: told.append(preview) is None, one_by_one=False, stack=None
    )
    assert all(watched(step, 3, picture) for step in range(3))
    assert told == ([picture, None, picture] if quick else [None, None, None])
    assert len(reviewer.seen) == (3 if quick else 0)


def test_a_picture_that_is_refused_was_not_on_screen_as_a_step_before(
    pipeline: SelfPortraitPipeline, request_for, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    review_with(pipeline, monkeypatch, Picky(*range(100)))
    shown: list[Image.Image | None] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        shown.append(preview)
        return True

    with pytest.raises(PictureRefused):
        pipeline(request_for(), on_step, out_dir=tmp_path)
    assert len(shown) > 1
    assert set(shown) == {None}


class Noting(Picky):
    """Remembers where pictures came from."""

    is_quick = True

    def __init__(self) -> None:
        super().__init__()
        self.origins: list[PictureOrigin] = []

    def review_picture(self, picture: Image.Image, *, origin: PictureOrigin = "made") -> Refusal | None:
        self.origins.append(origin)
        return super().review_picture(picture)


def test_reviewers_are_told_where_a_picture_comes_from(
    pipeline: SelfPortraitPipeline, request_for, presets: Presets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    noting = Noting()
    review_with(pipeline, monkeypatch, noting)
    pipeline(request_for(), out_dir=tmp_path)
    assert noting.origins[0] == "given", "the crop"
    assert set(noting.origins[1:]) == {"repainted"}, "the filters' steps, and the portrait"
    picture = Image.new("RGB", (8, 8))
    for stack, origin in (("embedded", "repainted"), ("sd15-lcm", "made")):
        pipeline.safety.sort((1,), (picture,), "session", stack=presets.models[stack])
        assert noting.origins[-1] == origin
    pipeline.safety.require_picture(picture, "session")
    assert noting.origins[-1] == "given"

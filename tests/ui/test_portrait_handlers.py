"""The Portrait tab's events, called as Gradio calls them."""

from __future__ import annotations

import logging
import weakref
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ConsentMissing
from tests.support.studio import (
    LOOK,
    OTHER_STYLE,
    STYLE,
    Served,
    close_page,
    create,
    event,
    is_gone,
    request_of,
    with_photo,
)
from ui import screen
from ui.portrait_handlers import PortraitHandlers


@pytest.mark.parametrize("agreed", [False, "true", "false", 1, None, [True]])
def test_nothing_but_true_shows_the_photo_panel(
    served: Served, handlers: PortraitHandlers, session: str, agreed: object
) -> None:
    panel, stand_in, photo = itemgetter("photo_panel", "closed_panel", "photo")(
        handlers.agree(agreed, *LOOK, request_of(session))
    )
    assert panel["visible"] is False
    assert stand_in["visible"] is True
    assert photo is None
    assert served.studio.consents.withdraw(session) is False


def test_the_example_of_a_look_is_painted_once_for_all_who_open_the_page(
    served: Served, handlers: PortraitHandlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[dict[str, Any]] = []
    paint = served.studio.pipeline.preview

    def counted(*args: Any, **named: Any) -> Any:
        painted.append(named)
        return paint(*args, **named)

    monkeypatch.setattr(served.studio.pipeline, "preview", counted)
    looks = [LOOK, LOOK, (OTHER_STYLE, "none", 0.5), (STYLE, "none", 0.9)]
    stages = [
        handlers.enter(*look, None, request_of(f"example-{number}"))["stage"] for number, look in enumerate(looks)
    ]
    assert [(one["style_id"], one["likeness"]) for one in painted] == [(STYLE, 0.5), (OTHER_STYLE, 0.5), (STYLE, 0.9)]
    assert stages[0] == stages[1]
    assert len({stage["after"] for stage in stages}) == 3
    assert {stage["mode"] for stage in stages} == {"example"}


def test_events_without_consent_say_so_and_do_nothing(handlers: PortraitHandlers, session: str) -> None:
    request = request_of(session)
    for answer in (
        handlers.arrived(*LOOK, request),
        handlers.face(*LOOK, request, event(index=0)),
        handlers.anyway(*LOOK, request),
        handlers.turn(*LOOK, request, event(degrees=90)),
        handlers.mark(*LOOK, request, event(x=50, y=40, size=20)),
        handlers.remove(*LOOK, request, event(asked=1)),
        handlers.reuse(request, event(id="0")),
    ):
        assert 'role="alert"' in answer["notice"]
        assert list(answer) == ["notice"]
    (only,) = create(handlers, session)
    assert "consent" in only["notice"]
    assert only["create"]["interactive"] is True


def test_create_says_what_is_missing_until_nothing_is(
    served: Served, handlers: PortraitHandlers, session: str, crowd_bytes: bytes
) -> None:
    handlers.agree(True, *LOOK, request_of(session))
    assert "photo" in list(create(handlers, session))[-1]["notice"]
    with_photo(served, handlers, session, crowd_bytes)
    photo, stage = itemgetter("photo", "stage")(handlers.arrived(*LOOK, request_of(session)))
    assert len(photo["photo"]["faces"]) == 2
    assert "after" not in stage
    assert "face" in list(create(handlers, session))[-1]["notice"]
    photo, stage, notice = itemgetter("photo", "stage", "notice")(
        handlers.face(*LOOK, request_of(session), event(index=1))
    )
    assert photo["photo"]["face"] == 1
    assert stage["after"].startswith("data:image/jpeg")
    assert "Ready" in notice
    assert "ready" in list(create(handlers, session))[-1]["notice"]


def test_each_step_is_shown_and_the_portraits_hang_beside_the_photo(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    updates = list(create(handlers, session, variations=2, controls=True))
    assert all(update["create"]["interactive"] is False for update in updates[:-1])
    assert all("not diffusion" in update["stage"]["badge"] for update in updates[:-1])
    words = [update["stage"]["words"] for update in updates[:-1]]
    assert words[-1].startswith("Step ")
    assert words[-1].endswith("portrait 2 of 2")
    last = updates[-1]
    results = last["results"]
    assert [item["seed"] for item in results["portraits"]] == [7, 8]
    assert last["seed"] == 7
    assert last["stage"]["badge"] == "Made by: Instant filters, not diffusion"
    assert "2 portraits" in last["notice"]
    assert last["create"]["interactive"] is True
    assert last["cancel"]["visible"] is False
    for item, kept in zip(results["portraits"], visit.kept, strict=True):
        assert str(kept.portrait.seed) in item["caption"]
        assert item["originals"][0]["src"] == f"studio/original/{visit.key}/{kept.portrait.id}/0.jpg"
        assert kept.portrait.path.exists()
        assert str(kept.portrait.path.parent) not in str(item)


def test_while_auto_works_the_plate_names_what_auto_took(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    with_photo(served, handlers, session, photo_bytes)
    updates = list(create(handlers, session, model="auto"))
    assert {update["stage"]["badge"] for update in updates} == {"Made by: Instant filters, not diffusion"}


def test_control_images_come_and_go_with_their_switch(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    hidden = list(create(handlers, session))[-1]["results"]["portraits"][0]["originals"]
    shown = handlers.redraw(True, request_of(session))["results"]["portraits"][0]["originals"]
    assert len(hidden) == 1
    drawn = served.studio.pipeline.control_images(visit.require_photo(), face_index=None, style_id=STYLE)
    assert len(drawn) >= 1
    assert [one["caption"] for one in shown[1:]] == [f"Control: {name}, for diffusion" for name in drawn]
    assert len(handlers.redraw(False, request_of(session))["results"]["portraits"][0]["originals"]) == 1


def test_cancel_leaves_no_file_and_the_next_portrait_works(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    with_photo(served, handlers, session, photo_bytes)
    running = create(handlers, session, variations=4)
    next(running)
    next(running)
    assert handlers.cancel(request_of(session))["cancel"]["interactive"] is False
    handlers.cancel(request_of(session))  # twice is no error
    rest = list(running)
    assert len(rest) <= 4, "stopped within a step, not at the end"
    assert "Stopped" in rest[-1]["notice"]
    assert rest[-1]["create"]["interactive"] is True
    assert rest[-1]["cancel"]["visible"] is False
    assert not list(served.studio.pipeline.folder(session).glob("*"))
    assert list(create(handlers, session))[-1]["results"]["portraits"]


def test_a_second_click_while_one_is_made_says_so(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    with_photo(served, handlers, session, photo_bytes)
    running = create(handlers, session)
    next(running)
    assert "still being made" in list(create(handlers, session))[-1]["notice"]
    assert list(running)[-1]["results"]["portraits"]


def test_closing_the_page_while_it_runs_stops_it(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    with_photo(served, handlers, session, photo_bytes)
    running = create(handlers, session, variations=4)
    next(running)
    next(running)
    running.close()
    assert not list(served.studio.pipeline.folder(session).glob("*"))
    assert list(create(handlers, session))[-1]["results"]["portraits"]


def test_consent_taken_back_while_running_leaves_nothing(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    with_photo(served, handlers, session, photo_bytes)
    running = create(handlers, session, variations=2)
    next(running)
    handlers.forget(*LOOK, request_of(session))
    handlers.agree(True, *LOOK, request_of(session))  # a new yes does not bring back what the old one covered
    last = list(running)[-1]
    assert last["create"]["interactive"] is True
    assert "Stopped" not in str(last), "what was said when the consent was taken back stays on the screen"
    assert not list(served.studio.pipeline.folder(session).glob("*"))
    assert not served.studio.visits.require(session)[0].kept


def test_a_photo_deleted_while_it_is_worked_on_leaves_nothing_in_memory(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    for delete in (handlers.forget, partial(handlers.remove, event=event(asked=9))):
        photo = weakref.ref(with_photo(served, handlers, session, photo_bytes).require_photo())
        running = create(handlers, session)
        next(running)  # the photo is not cut yet
        delete(*LOOK, request_of(session))
        list(running)
        assert is_gone(photo)


@pytest.mark.slow
def test_a_photo_deleted_while_its_control_images_are_drawn_leaves_nothing_in_memory(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = weakref.ref(with_photo(served, handlers, session, photo_bytes).require_photo())
    list(create(handlers, session))
    assert not is_gone(photo)
    draw = served.studio.pipeline.control_images

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        handlers.forget(*LOOK, request_of(session))
        return draw(*args, **kwargs)

    monkeypatch.setattr(served.studio.pipeline, "control_images", interrupted)
    handlers.redraw(True, request_of(session))
    assert is_gone(photo)


def test_nothing_begins_in_a_visit_that_is_over(served: Served, session: str) -> None:
    visit = served.visit(session)
    run = visit.begin()
    served.studio.visits.leave(session)
    assert run.is_set()
    visit.end(run)
    with pytest.raises(ConsentMissing):
        visit.begin()


def test_the_preview_follows_the_choice_and_the_camera_with_it(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    request = request_of(session)
    shown = {style: handlers.restyle(style, "none", 0.5, request)["stage"] for style in (STYLE, OTHER_STYLE)}
    assert shown[STYLE]["after"] != shown[OTHER_STYLE]["after"]
    assert shown[STYLE]["before"] == shown[OTHER_STYLE]["before"]
    assert visit.look.style_id == OTHER_STYLE


def test_before_consent_the_styles_are_shown_on_the_example(handlers: PortraitHandlers, session: str) -> None:
    stage = handlers.restyle(STYLE, "orbit", 0.5, request_of(session))["stage"]
    assert stage["mode"] == "example"
    assert "public domain" in stage["badge"]
    assert "not diffusion" in stage["badge"]


def test_settings_are_taken_over_only_from_a_portrait_of_ones_own(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    list(create(handlers, session, seed=41, style=OTHER_STYLE, scene="orbit", likeness=0.35, shape="4:5", size="print"))
    answer = handlers.reuse(request_of(session), event(id=visit.kept[0].portrait.id))
    assert "orbit" in answer["notice"].lower()
    taken = {name: value for name, value in answer.items() if name not in ("notice", "editor")}
    assert taken == {
        "style": OTHER_STYLE,
        "style_pick": OTHER_STYLE,
        "scene": "orbit",
        "scene_pick": "orbit",
        "likeness": 0.35,
        "shape": "4:5",
        "size": "print",
        "seed": 41,
        "shuffle": False,
    }
    assert 'role="alert"' in handlers.reuse(request_of(session), event(id="0"))["notice"]


def test_the_button_says_new_while_a_portrait_hangs(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    with_photo(served, handlers, session, photo_bytes)
    assert list(create(handlers, session))[-1]["create"]["value"] == "New portrait"
    assert handlers.restyle(OTHER_STYLE, "none", 0.5, request_of(session))["create"]["value"] == "Create my portrait"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"style": "nope"}, "style"),
        ({"scene": "nope"}, "scene"),
        ({"model": "nope"}, "model"),
        ({"seed": -5}, "seed"),
        ({"words": "x" * 10_000}, "words"),
        ({"likeness": float("nan")}, "likeness"),
    ],
)
def test_bad_values_give_one_sentence_and_keep_the_photo(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes, changes: dict[str, Any], word: str
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    last = list(create(handlers, session, **changes))[-1]
    assert 'role="alert"' in last["notice"]
    assert word in last["notice"]
    assert last["create"]["interactive"] is True
    assert visit.photo is not None


def test_a_fault_of_ours_shows_a_number_and_logs_the_traceback(
    served: Served,
    handlers: PortraitHandlers,
    session: str,
    photo_bytes: bytes,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    visit.photo = "not a photo"
    with caplog.at_level(logging.WARNING, "studio"):
        last = handlers.arrived(*LOOK, request_of(session))
    assert "AttributeError" not in str(last)
    number = last["notice"].split("the number ")[1][:6]
    assert any(number in record.message and record.exc_info for record in caplog.records)


def test_closing_the_page_forgets_the_visit(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    list(create(handlers, session))
    close_page(served, handlers, session)
    assert visit.photo is None
    assert not served.studio.pipeline.folder(session).exists()
    assert 'role="alert"' in handlers.arrived(*LOOK, request_of(session))["notice"]


def test_age_deletes_photo_and_portraits(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    list(create(handlers, session))
    path = visit.kept[0].portrait.path
    served.studio.visits.sweep(visit.photo_at + 50 * 60)
    assert visit.photo is not None
    assert path.exists()
    served.studio.visits.sweep(visit.kept[0].made_at + 59 * 60)
    assert visit.photo is None
    assert not visit.kept
    assert not path.exists()
    assert "photo" in screen.missing(visit)


def test_newcomers_wait_until_a_visit_is_over_that_nobody_came_back_to(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand consents once made the studio delete everybody's pictures, the oldest first."""
    visits, idle, late = served.studio.visits, served.visit(f"{session}-idle"), f"{session}-late"
    visit = with_photo(served, handlers, session, photo_bytes)
    list(create(handlers, session))
    monkeypatch.setattr("study.consent._MAX_SESSIONS", 0)
    assert "again in an hour" in str(handlers.agree(True, *LOOK, request_of(late)))
    visits.sweep()
    assert visits.is_open(idle.session)
    assert visit.photo is not None
    assert visit.kept[0].portrait.path.exists()
    run = visit.begin()
    visits.sweep(visit.seen_at + 61 * 60)
    assert not visits.is_open(idle.session)
    assert visits.is_open(session), "its portraits are still being made"
    visit.end(run)
    visits.sweep(visit.seen_at + 61 * 60)
    assert not visits.is_open(session)
    monkeypatch.undo()
    assert handlers.agree(True, *LOOK, request_of(late))["photo_panel"]["visible"] is True
    visits.forget(late)


def test_an_example_that_was_in_work_when_the_photo_arrived_does_not_hang_over_it(
    served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers.agree(True, *LOOK, request_of(session))
    paint, drawn = served.studio.pipeline.preview, []

    def slowly(photo: Any, **asked: Any) -> Any:
        drawn.append(photo)
        if len(drawn) == 1:
            with_photo(served, handlers, session, photo_bytes)
        return paint(photo, **asked)

    monkeypatch.setattr(served.studio.pipeline, "preview", slowly)
    stage = handlers.restyle(*LOOK, request_of(session))["stage"]
    assert stage["mode"] == "photo"
    assert drawn[1] is served.visit(session).photo is not drawn[0]

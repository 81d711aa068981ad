"""A participant's session: coming back by the study's policy, and an answer that survives the end of the process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from languages.catalogue import LANGUAGES
from pipelines.errors import StudyClosed, StudyError
from study.identity import Identity
from study.participation import words_in
from study.store.database import Database
from study.store.reading import load_dataset
from study.store.store import StudyStore
from tests.study.conftest import Clock, agreed, answer
from tests.support.site import ROOT
from tests.support.studies import SMALL_STUDY, draw, write_study


def test_resume_goes_on_where_it_was(opened, clock: Clock) -> None:
    running = opened()
    person = agreed(running, "anna")
    answer(running, person, "t1")
    draw(running.store, running.frozen, person)
    answer(running, person, "t1")
    before = running.screen(running.store.find(person))
    clock.pass_(hours=23)
    assert running.screen(running.enter(person, "participant", "t2", language="de")) == before
    assert [one.name for one in load_dataset(running.store.database, running.frozen.sha256).events] == ["returned"]
    clock.pass_(hours=2)
    with pytest.raises(StudyClosed, match="is over"):
        running.enter(person, "participant", "t3", language="en")
    assert running.store.held_rows(running.frozen) == [(0, 0)] * 6


def test_restart_begins_anew_and_block_refuses(opened) -> None:
    running = opened('\n[resume]\npolicy = "restart"\n')
    person = agreed(running, "anna")
    answer(running, person, "t1")
    standing = running.enter(person, "participant", "t2", language="en")
    assert running.task(standing) == "information"
    assert (standing.answered, standing.restarts) == (frozenset(), 1)
    blocking = opened('\n[resume]\npolicy = "block"\n')
    person = agreed(blocking, "ben")
    with pytest.raises(StudyClosed, match="only once and in one go"):
        blocking.enter(person, "participant", "t2", language="en")


def test_who_took_part_in_an_earlier_version_cannot_again(opened) -> None:
    first = opened()
    agreed(first, "anna")
    second = opened(text=SMALL_STUDY.replace('version = "1"', 'version = "2"'))
    person, kind = second.identify("anna")
    with pytest.raises(StudyClosed, match="earlier version"):
        second.enter(person, kind, "t", language="en")


def test_listed_codes_alone_are_let_in(opened) -> None:
    field = 'submission = "SESSION_ID"'
    running = opened(text=SMALL_STUDY.replace(field, f'{field}\ncodes = "listed"'))
    running.store.add_codes("small", ["given"])
    assert running.identify("given")[1] == "participant"
    assert running.identify(running.store.identity.marked_code("preview", "1"))[1] == "preview"
    with pytest.raises(StudyClosed, match="not one of those"):
        running.identify("guessed")


def test_enough_is_enough(opened) -> None:
    running = opened(text=SMALL_STUDY.replace('title = "Small"', 'title = "Small"\nplaces = 1'))
    agreed(running, "anna")
    with pytest.raises(StudyClosed, match="Enough people"):
        agreed(running, "ben")


def test_the_consent_says_what_is_done_with_the_plans_hash(opened) -> None:
    document = opened().consent_document("en")
    for words in (document.sha256 and opened().frozen.sha256, "never written to a file", "30 June 2027", "Dr Example"):
        assert words in document.document
    assert "[ ] My portraits may be kept. (optional)" in document.document


def test_the_consent_tells_one_thing_in_a_paragraph(opened) -> None:
    parts = opened().consent_document("en").text.split("\n\n")
    starts = ("Your photo is sent", "Your portraits are stored", "Your answers are stored", "You can withdraw")
    assert [next((n for n, part in enumerate(parts) if part.startswith(one)), None) for one in starts] == [1, 2, 3, 4]
    assert "blurred" in parts[1]
    assert opened().consent_document("ja").text.count("2027年6月30日") == 3


def test_a_question_cannot_be_skipped_or_answered_before_its_turn(opened) -> None:
    running = opened()
    person = agreed(running, "anna")
    for key in ("ratings-001", "pairs-001", "questionnaire-001", "nothing"):
        with pytest.raises(StudyError, match="reload"):
            running.answer(person, "t1", {"trial": key, "value": "4", "chosen": "left"})


def test_times_of_the_page_are_bounded(opened) -> None:
    running = opened()
    person = agreed(running, "anna")
    answer(running, person, "t1", rt_ms=float("inf"), hidden_ms=-5, page_ms="soon", changes=True, by="magic")
    (reply,) = load_dataset(running.store.database, running.frozen.sha256).replies
    assert (reply.timing.rt_ms, reply.timing.hidden_ms, reply.timing.page_ms) == (0.0, 0.0, 0.0)
    assert reply.timing.by == "pointer"


def test_every_language_has_every_word() -> None:
    def holes(words: dict[str, str]) -> dict[str, list[str]]:
        return {name: sorted(re.findall(r"\{(\w+)\}", text)) for name, text in words.items()}

    for language in LANGUAGES:
        assert holes(words_in(language)) == holes(words_in("en")), language
        assert language == "en" or words_in(language)["continue"] != words_in("en")["continue"]
    assert words_in("xx") == words_in("en")


_ANSWERING = """
import sys
from pathlib import Path
from study.identity import Identity
from study.participation import RunningStudy
from study.plan.freezing import load_frozen
from study.store.database import Database
from study.store.store import StudyStore
from tests.support.studies import come, draw, reply_to
url, study, kept, code = sys.argv[1:]
frozen = load_frozen(Path(study))
store = StudyStore(Database(url), Path(kept), Identity.of_folder(Path(kept)))
store.register(frozen)
person = come(store, frozen, code)
draw(store, frozen, person.id)
for trial in person.schedule(frozen).trials:
    store.answer(person.id, "tab-1", trial, reply_to(trial))
    print(trial.key, flush=True)
"""


@pytest.mark.slow
def test_kill_9_in_mid_answer_loses_no_confirmed_one(url: str, tmp_path: Path) -> None:
    """Killed at each number of confirmed answers; the next start finds those, at most one more, and goes on."""
    write_study(tmp_path / "s", SMALL_STUDY)
    frozen_file, kept = tmp_path / "s" / "small.toml", tmp_path / "kept"
    for number in (1, 4, 7):
        code = f"p{number}"
        command = [sys.executable, "-c", _ANSWERING, url, str(frozen_file), str(kept), code]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
            assert process.stdout is not None
            confirmed = {process.stdout.readline().strip() for _ in range(number)}
            process.send_signal(signal.SIGKILL)
            confirmed |= {line.strip() for line in process.stdout if line.strip()}
        database = Database(url)
        store = StudyStore(database, kept, Identity.of_folder(kept))
        standing = store.find(store.identity.participant("small", code))
        assert standing is not None
        assert confirmed <= standing.answered
        assert len(standing.answered) <= len(confirmed) + 1
        database.close()

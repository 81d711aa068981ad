"""An engine whose work is done in another process, with all that can befall it. Ray has a stand-in here."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from pipelines.cluster.link import Link, Setup
from pipelines.cluster.remote import RemoteEngine, RemoteEngines
from pipelines.engines.base import AUTO, PREVIEW
from pipelines.engines.filters.stage import Stage
from pipelines.engines.kinds import KINDS
from pipelines.errors import Cancelled, EngineFailed, EngineUnavailable, RequestInvalid
from pipelines.job_studio import JobStudio
from pipelines.presets.loading import Presets
from pipelines.schema import Job, PreparedPhoto
from pipelines.settings import Backend, Replicas
from tests.support.fakes import FakeEngine
from tests.support.site import wait_until

GATEWAY = Path(__file__).resolve().parents[1] / "support" / "toy_gateway.py"
Linked = Callable[[str], Link]


@pytest.fixture
def linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Linked]:
    """A link to a gateway that does what it is told to do."""
    monkeypatch.setenv("TOY_FOLDER", str(tmp_path))
    links: list[Link] = []

    def begin(way: str) -> Link:
        link = Link(Setup(Backend(""), Replicas(1, 1), ""), (sys.executable, str(GATEWAY), way))
        links.append(link)
        link.join()
        return link

    yield begin
    for link in links:
        link.close()


@pytest.fixture
def job(prepared: PreparedPhoto, presets: Presets) -> Job:
    return Job(photo=prepared, style=presets.style("comic"), scene=presets.scene("orbit"), seeds=(3, 4))


def engine(link: Link, presets: Presets) -> RemoteEngine:
    stack = presets.models["embedded"]
    return RemoteEngine(KINDS[stack.kind].engine(stack), link)


def studio_of(job: Job) -> JobStudio:
    return JobStudio(job, {}, Stage())


def go_on(step: int, total: int, preview: Image.Image | None) -> bool:
    return True


def attempts(folder: Path) -> list[str]:
    return [line.split()[1] for line in (folder / "attempts.txt").read_text().splitlines()]


def test_pictures_and_steps_come_from_the_other_process(
    linked: Linked, job: Job, presets: Presets, tmp_path: Path
) -> None:
    link = linked("well")
    steps: list[tuple[int, int, bool]] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        steps.append((step, total, preview is not None))
        return True

    remote = engine(link, presets)
    remote.load()
    made = remote.make(job, studio_of(job), on_step)
    here = FakeEngine().make(job, studio_of(job), go_on)
    assert [one.tobytes() for one in made.pictures] == [one.tobytes() for one in here.pictures]
    assert [step for step in steps if step[0]] == [(number, 6, True) for number in range(1, 7)]
    assert attempts(tmp_path) == ["1"]
    wait_until(lambda: link.replicas == {"RUNNING": 1}, "the gateway tells of its replicas")
    assert (link.joined, link.lost_runs) == (1, 0)


def test_a_stop_reaches_the_work(linked: Linked, job: Job, presets: Presets, tmp_path: Path) -> None:
    remote = engine(linked("slow"), presets)
    with pytest.raises(Cancelled):
        remote.make(job, studio_of(job), lambda step, total, preview: step < 2)
    after = [""]

    def stands() -> bool:
        after.append((tmp_path / "steps.txt").read_text())
        return after[-1] == after[-2]

    wait_until(stands, "the steps stop")
    assert int(after[-1]) < 500, "it had a thousand to go"


def test_a_stop_is_heard_while_nothing_comes(linked: Linked, job: Job, presets: Presets) -> None:
    """As in the time in which a replica is started."""
    link = linked("well")
    os.kill(link.process_id or 0, signal.SIGSTOP)
    try:
        with pytest.raises(Cancelled):
            engine(link, presets).make(job, studio_of(job), lambda step, total, preview: False)
    finally:
        os.kill(link.process_id or 0, signal.SIGCONT)


def test_a_run_whose_replica_dies_is_sent_once_more(linked: Linked, job: Job, presets: Presets, tmp_path: Path) -> None:
    link = linked("dies-once")
    made = engine(link, presets).make(job, studio_of(job), go_on)
    assert len(made.pictures) == 2
    assert attempts(tmp_path) == ["1", "2"]
    assert len({line.split()[0] for line in (tmp_path / "attempts.txt").read_text().splitlines()}) == 1
    assert link.lost_runs == 1


def test_and_no_oftener(linked: Linked, job: Job, presets: Presets, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="so was a second one"):
        engine(linked("dies"), presets).make(job, studio_of(job), go_on)
    assert attempts(tmp_path) == ["1", "2"]


def test_a_gateway_that_dies_is_started_anew_and_the_run_is_sent_once_more(
    linked: Linked, job: Job, presets: Presets, tmp_path: Path
) -> None:
    link = linked("gateway-dies-once")
    made = engine(link, presets).make(job, studio_of(job), go_on)
    assert len(made.pictures) == 2
    assert attempts(tmp_path) == ["1", "2"]
    assert (link.joined, link.lost_runs) == (2, 1)


def test_a_run_for_which_no_replica_is_free_waits(linked: Linked, job: Job, presets: Presets, tmp_path: Path) -> None:
    """As where other studios have all of them: a portrait that was let through the line is not sent back."""
    link = linked("full-for-a-while")
    waited: list[int] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        waited.append(step)
        return True

    assert len(engine(link, presets).make(job, studio_of(job), on_step).pictures) == 2
    assert attempts(tmp_path) == ["1", "1", "1", "1"], "a replica has seen the last one alone"
    assert waited.count(0) >= 3
    assert link.lost_runs == 0


def test_an_error_comes_back_and_is_not_tried_again(linked: Linked, job: Job, presets: Presets, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="About"):
        engine(linked("broken"), presets).make(job, studio_of(job), go_on)
    assert attempts(tmp_path) == ["1"]


def test_several_at_a_time_hear_each_of_their_own(linked: Linked, job: Job, presets: Presets) -> None:
    remote, made = engine(linked("well"), presets), dict[int, bytes]()

    def one(seed: int) -> None:
        mine = job.model_copy(update={"seeds": (seed,)})
        made[seed] = remote.make(mine, studio_of(mine), go_on).pictures[0].tobytes()

    threads = [threading.Thread(target=one, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(made.values())) == 6
    for seed, picture in made.items():
        mine = job.model_copy(update={"seeds": (seed,)})
        assert picture == FakeEngine().make(mine, studio_of(mine), go_on).pictures[0].tobytes()


def test_what_the_cluster_offers_is_what_can_be_chosen(linked: Linked, presets: Presets) -> None:
    link = linked("well")
    engines = RemoteEngines(presets.models, link, lambda stack: "")
    assert engines.ids == (AUTO, PREVIEW, "embedded")
    assert [(info.id, info.available, info.is_automatic) for info in engines.infos()] == [
        ("embedded", True, True),
        (PREVIEW, True, False),
    ]
    assert engines.create(AUTO).engine.model_id == "embedded"
    assert isinstance(engines.create("embedded").engine, RemoteEngine)
    assert not engines.create(PREVIEW).engine.is_diffusion
    with pytest.raises(RequestInvalid, match="choose one of"):
        engines.create("sd15-lcm")
    refused = RemoteEngines(presets.models, link, lambda stack: "Not without a checker.")
    assert refused.create(AUTO).engine.model_id == PREVIEW
    with pytest.raises(EngineUnavailable, match="checker"):
        refused.create("embedded")


def test_the_gateway_ends_with_the_page(linked: Linked) -> None:
    link = linked("well")
    pid = link.process_id
    link.close()
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()


def test_a_cluster_that_stays_away_is_one_sentence(linked: Linked, job: Job, presets: Presets) -> None:
    link = linked("well")
    seconds = iter(range(0, 100_000, 100))
    stack = presets.models["embedded"]
    remote = RemoteEngine(KINDS[stack.kind].engine(stack), link, lambda: float(next(seconds)))
    link.close()
    with pytest.raises(EngineUnavailable, match="nothing of yours is lost"):
        remote.make(job, studio_of(job), go_on)

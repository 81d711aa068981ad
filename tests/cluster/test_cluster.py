"""Two replicas of the embedded checkpoint on this machine, by Ray Serve, and what can befall them."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

import app
from pipelines import easels, worker
from pipelines.cluster.joining import NAME
from pipelines.cluster.link import Link, Setup
from pipelines.cluster.remote import RemoteEngines
from pipelines.engines.base import AUTO, PREVIEW, Made
from pipelines.engines.filters.stage import Stage
from pipelines.engines.registry import Engines
from pipelines.errors import Cancelled, EngineBusy, SettingsError
from pipelines.job_studio import JobStudio
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import Presets
from pipelines.results import PortraitSet
from pipelines.schema import Consent, Job, LoadedPhoto, PortraitRequest
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.settings import Backend, Replicas
from tests.support.clusters import MODEL, START_SECONDS, Head, open_ports, refusal, setup_of
from tests.support.site import ROOT, wait_until
from tests.support.traces import WORDS, Traces, make_photo
from visits.folder import PrivateFolder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MANY = 100
PAGE = """
import time
from pipelines.cluster.link import Link, Setup
from pipelines.settings import Backend, Replicas
Link(Setup(Backend(""), Replicas(1, 1), "")).join()
print("joined", flush=True)
time.sleep(3600)
"""
AT_ONCE = 4
Make = Callable[[Job], Made]


def go_on(step: int, total: int, preview: Image.Image | None) -> bool:
    return True


@pytest.fixture
def make(engines: RemoteEngines) -> Make:
    """Makes a job in the cluster."""
    engine = engines.create(MODEL).engine
    return lambda job: engine.make(job, JobStudio(job, {}, Stage()), go_on)


def seeded(job: Job, seed: int) -> Job:
    return job.model_copy(update={"seeds": (seed,)})


def test_the_replicas_make_what_this_machine_makes(
    engines: RemoteEngines, small_job: Job, all_presets: Presets
) -> None:
    steps: list[tuple[int, int, bool]] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        steps.append((step, total, preview is not None))
        return True

    choice = engines.create(AUTO)
    assert choice.engine.model_id == "embedded", "of equal rank the project's own"
    remote = engines.create(MODEL).engine
    made = remote.make(small_job, JobStudio(small_job, {}, Stage()), on_step)
    here = Engines(all_presets.models).create(MODEL).engine
    own = here.make(small_job, JobStudio(small_job, {}, Stage()), go_on)
    here.close()
    difference = np.abs(np.asarray(made.pictures[0], np.int16) - np.asarray(own.pictures[0], np.int16))
    assert made.pictures[0].size == (256, 256)
    assert difference.mean() < 0.5, "but for the last bits of sums that other numbers of threads make"
    assert [control.annotator for control in made.controls] == [control.annotator for control in own.controls]
    told = [step for step in steps if step[0]]
    assert told[-1][0] == told[-1][1] == len(told)
    assert any(preview for _, _, preview in told)
    assert "ray" not in sys.modules, "the page's process does not load it"


def test_of_many_none_is_lost_and_none_doubled_though_a_replica_is_killed(
    ray_head: Head, link: Link, make: Make, small_job: Job
) -> None:
    before, lost, made = ray_head.replicas(), link.lost_runs, dict[int, list[bytes]]()
    assert len(before) == 2
    lock, killed = threading.Lock(), threading.Event()

    def one(seed: int) -> None:
        (picture,) = make(seeded(small_job, seed)).pictures
        with lock:
            made.setdefault(seed, []).append(hashlib.sha256(picture.tobytes()).digest())
            if len(made) == MANY // 2 and not killed.is_set():
                killed.set()
                os.kill(random.choice(before), signal.SIGKILL)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(MANY)))
    assert sorted(made) == list(range(MANY))
    assert {len(times) for times in made.values()} == {1}
    assert len({times[0] for times in made.values()}) == MANY, "each its own"
    assert killed.is_set()
    assert link.lost_runs - lost <= 2
    wait_until(lambda: len(set(ray_head.replicas()) - set(before)) == 1, "a new replica in its place", START_SECONDS)


def test_a_run_whose_replica_is_killed_is_made_by_the_other_one(
    ray_head: Head, link: Link, engines: RemoteEngines, small_job: Job
) -> None:
    """Here for certain in the middle of it."""
    wait_until(lambda: link.replicas.get("RUNNING") == 2, "two replicas", START_SECONDS)
    before, lost = ray_head.replicas(), link.lost_runs
    engine, steps = engines.create(MODEL).engine, list[int]()
    job = small_job.model_copy(update={"seeds": (1, 2, 3, 4)})

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        steps.append(step)
        if steps.count(2) == 1 and step == 2:
            for pid in before:  # one of them paints this; the other one is killed too, and both come again
                os.kill(pid, signal.SIGKILL)
        return True

    made = engine.make(job, JobStudio(job, {}, Stage()), on_step)
    assert len(made.pictures) == 4
    assert steps.count(1) == 2, "it began twice"
    assert link.lost_runs == lost + 1
    assert not set(ray_head.replicas()) & set(before)


def test_cancel_frees_the_replicas(engines: RemoteEngines, make: Make, small_job: Job) -> None:
    """Both are at work that takes many minutes, and then make something else."""
    endless = engines.create("endless").engine
    job = small_job.model_copy(update={"seeds": (1, 2, 3, 4)})
    reached: list[int] = []

    def stop_soon(step: int, total: int, preview: Image.Image | None) -> bool:
        reached.append(step)
        return step < 3

    def cancelled() -> None:
        with pytest.raises(Cancelled):
            endless.make(job, JobStudio(job, {}, Stage()), stop_soon)

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(cancelled) for _ in range(2)]:
            one.result()
    assert max(reached) == 3
    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(lambda seed: make(seeded(small_job, seed)), range(2)))) == 2


@pytest.fixture
def pipeline(engines: RemoteEngines, all_presets: Presets, tmp_path: Path) -> SelfPortraitPipeline:
    """Two may be at work, two may wait."""
    pipeline = SelfPortraitPipeline(all_presets, tmp_path, max_waiting=2, engines={NAME: engines}, automatic=MODEL)
    pipeline.add_device(NAME, engines, room=2)
    pipeline.add_device(easels.FILTERS, easels.Filters())
    return pipeline


def test_whoever_waits_has_a_place_and_a_full_line_says_so(
    pipeline: SelfPortraitPipeline, loaded: LoadedPhoto, consent: Consent
) -> None:
    def request(number: int) -> PortraitRequest:
        own = consent.model_copy(update={"session": f"visitor-{number}"})
        return PortraitRequest(photo=loaded, style_id="comic", model_id=MODEL, seeds=(number,), consent=own)

    places: list[int] = []
    sets: dict[int, PortraitSet] = {}
    all_wait = threading.Barrier(5, timeout=START_SECONDS)

    def visit(number: int) -> None:
        with pipeline.join(request(number)) as ticket:
            all_wait.wait()
            place = ticket.place
            places.extend([] if place is None else [place.position])
            all_wait.wait()
            sets[number] = pipeline(request(number), ticket=ticket)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    all_wait.wait()
    with pytest.raises(EngineBusy, match="line is full, 2 visitors are waiting"):
        next(worker.run(pipeline, request(9)))
    all_wait.wait()
    for thread in threads:
        thread.join(START_SECONDS)
    assert sorted(places) == [1, 2]
    assert sorted(sets) == [0, 1, 2, 3]
    files = [portrait.path for made in sets.values() for portrait in made.portraits]
    assert len(set(files)) == 4
    assert all(path.exists() for path in files)
    assert b'studio_requests_total{engine="small",outcome="made"} 4.0' in pipeline.measures.text()


def test_a_studio_whose_settings_name_the_cluster_paints_there(
    ray_head: Head,
    loaded: LoadedPhoto,
    consent: Consent,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STUDIO_BACKEND", f"ray://{ray_head.address}")
    monkeypatch.setenv("STUDIO_REPLICAS", "1-2")
    monkeypatch.setenv("STUDIO_MODEL", MODEL)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    folder = PrivateFolder(tmp_path / "private")
    pipeline = app.build_studio(folder).pipeline
    request = PortraitRequest(photo=loaded, style_id="comic", seeds=(5,), consent=consent)
    *_, made = worker.run(pipeline, request)
    assert isinstance(made, PortraitSet)
    assert made.engine == "Built-in AI model"
    assert pipeline.places(MODEL) == 2
    assert pipeline.places(PREVIEW) >= 1, "the filters stay here"
    assert {info.id for info in pipeline.engines() if info.available} >= {MODEL, PREVIEW}
    wait_until(lambda: b'studio_replicas{state="running"} 2.0' in pipeline.measures.text(), "replicas are told")
    told = pipeline.measures.text()
    assert b"studio_cluster_up 1.0" in told
    assert b'studio_places{device="cluster"} 2.0' in told
    assert b'studio_portraits_total{engine="small"} 1.0' in told
    folder.remove()


def test_a_rolling_restart_drops_nobody(ray_head: Head, link: Link, make: Make, small_job: Job) -> None:
    wait_until(lambda: len(ray_head.replicas()) == 2, "two replicas", START_SECONDS)
    before, lost, made, enough = ray_head.replicas(), link.lost_runs, list[int](), threading.Event()

    def visitor(number: int) -> None:
        while not enough.is_set():
            made.append(len(make(seeded(small_job, number)).pictures))

    with ThreadPoolExecutor(2) as pool:
        visitors = [pool.submit(visitor, number) for number in range(2)]
        try:
            command = [sys.executable, "-m", "pipelines.cluster", "restart", f"ray://{ray_head.address}"]
            environment = {**os.environ, "STUDIO_REPLICAS": "2", "STUDIO_MODEL": MODEL}
            subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=START_SECONDS)
            wait_until(lambda: not set(before) & set(ray_head.replicas()), "the old replicas end", START_SECONDS)
            seen = len(made)
            wait_until(lambda: len(made) > seen, "the new ones paint", START_SECONDS)
        finally:
            enough.set()
        for one in visitors:
            one.result()
    assert len(made) > 2
    assert link.lost_runs == lost, "not one had to be sent again"


def test_nothing_of_a_photo_is_left(
    ray_head: Head, engines: RemoteEngines, face_photo: Image.Image, small_job: Job
) -> None:
    photo = make_photo(face_photo)
    traces = Traces(photo)
    crop = prepare(open_photo(photo), 0, 256)
    job = small_job.model_copy(update={"photo": crop, "words": WORDS})
    (picture,) = engines.create(MODEL).engine.make(job, JobStudio(job, {}, Stage()), go_on).pictures
    rows = [crop.image.tobytes(), picture.tobytes()]  # as they travel
    traces.add("the crop", rows[0])
    traces.add("the portrait", rows[1])
    with pytest.raises(Cancelled):
        engines.create("endless").engine.make(job, JobStudio(job, {}, Stage()), lambda step, total, preview: step < 2)
    folders = [ray_head.root, *Path("/dev/shm").glob(f"{ray_head.root.name}*")]
    assert len(list(ray_head.root.rglob("*.log"))) > 3, "the search looks at the cluster's logs"
    assert [line for folder in folders for line in traces.in_folder(folder)] == []
    planted = ray_head.root / "planted.bin"
    planted.write_bytes(b"before" + rows[1] + WORDS.encode())
    try:
        assert {line.split(":")[0] for line in traces.in_folder(ray_head.root)} == {
            "the portrait",
            "the visitor's words",
        }
    finally:
        planted.unlink()


def test_what_listens_for_other_machines_asks_for_the_token(ray_head: Head, make: Make, small_job: Job) -> None:
    assert make(small_job).pictures
    refused = {port: refusal(port) for port in open_ports(ray_head.processes())}
    assert len(refused) >= 2, "each replica has a server"
    assert set(refused.values()) == {"UNAUTHENTICATED"}


def test_a_head_that_comes_back_is_joined_again(ray_head: Head, link: Link, make: Make, small_job: Job) -> None:
    """The page's process, where the visits are, lives on; test_remote.py has a portrait that was in the making."""
    times = link.joined
    ray_head.kill()
    wait_until(lambda: not link.is_up, "the loss is noticed", START_SECONDS)
    ray_head.start()
    wait_until(lambda: link.is_up, "the cluster is joined again", START_SECONDS)
    assert len(make(small_job).pictures) == 1
    assert link.joined == times + 1


def test_a_cluster_that_lets_in_whoever_comes_is_not_joined(ray_head: Head) -> None:
    open_one = Head(mode="disabled")
    try:
        with pytest.raises(SettingsError, match="lets in whoever comes"):
            Link(setup_of(open_one)).join()
    finally:
        open_one.close()


def test_one_of_our_own_begins_and_ends_with_the_studio(ray_head: Head, small_job: Job, all_presets: Presets) -> None:
    link = Link(Setup(Backend(""), Replicas(1, 1), MODEL))
    link.join()
    gateway = psutil.Process(link.process_id)
    try:
        engine = RemoteEngines(all_presets.models, link, lambda stack: "").create(MODEL).engine
        assert len(engine.make(small_job, JobStudio(small_job, {}, Stage()), go_on).pictures) == 1
        family = [gateway, *gateway.children(recursive=True)]
        assert any("gcs_server" in " ".join(one.cmdline()) for one in family)
        refused = {port: refusal(port) for port in open_ports(family)}
    finally:
        link.close()
    assert set(refused.values()) == {"UNAUTHENTICATED"}, "of the replica alone; all else is for this machine"
    assert not [one for one in family if _lives(one)]


def test_one_of_our_own_ends_though_the_page_was_killed(
    ray_head: Head,
) -> None:
    """And leaves nothing: not in the temporary folder, where its logs were, nor in shared memory."""
    before = set(Path("/dev/shm").iterdir())
    with tempfile.TemporaryDirectory(prefix="o-") as short:
        page = subprocess.Popen(
            [sys.executable, "-c", PAGE], cwd=ROOT, env={**os.environ, "TMPDIR": short}, stdout=subprocess.PIPE
        )
        try:
            assert page.stdout is not None
            assert page.stdout.readline() == b"joined\n"
            family = psutil.Process(page.pid).children(recursive=True)
            assert any("gcs_server" in " ".join(one.cmdline()) for one in family)
            assert list(Path(short).iterdir())
        finally:
            page.kill()
            page.wait()
        wait_until(lambda: not any(_lives(one) for one in family), "all its processes end", START_SECONDS)
        assert list(Path(short).iterdir()) == []
    assert set(Path("/dev/shm").iterdir()) <= before


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE

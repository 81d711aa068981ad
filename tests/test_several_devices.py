"""Several devices in one machine: each has engines of its own, and one portrait at a time is made on each.

The engines cost nothing; engines/test_twins.py holds the real one to the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pipelines import worker
from pipelines.easels import FILTERS, filters_at_once
from pipelines.engines import device as devices
from pipelines.engines.base import AUTO, EngineChoice, EngineInfo, Made, Studio
from pipelines.engines.device import Device
from pipelines.engines.registry import Engines
from pipelines.errors import Cancelled, EngineFailed, EngineUnavailable, PortraitError, RequestInvalid, SettingsError
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.results import PortraitSet
from pipelines.schema import Consent, Job, LoadedPhoto, PortraitRequest, StepCallback, StylePicture
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.fakes import FakeEngine

TIMEOUT = 60.0
LARGE, SMALL = "large-stack", "small-stack"
Fault = Callable[[str, StepCallback], None]


class Machine:
    """What happens on all devices together: who painted what, and what was loaded."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, int]] = []  # device, session's likeness as a name, seed
        self.loaded: list[tuple[str, str]] = []
        self.fault: Fault = lambda device, on_step: None
        self.cannot: set[tuple[str, str]] = set()


class Stack(FakeEngine):
    """A model stack on one device that costs nothing."""

    is_diffusion = True

    def __init__(self, machine: Machine, device: str, model_id: str) -> None:
        super().__init__()
        self.model_id, self.name, self._machine, self._device = model_id, model_id, machine, device
        self._loaded = False

    def load(self) -> None:
        """Once, and it is counted."""
        if not self._loaded:
            self._loaded = True
            self._machine.loaded.append((self._device, self.model_id))

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        """See Engine.make."""
        self.load()
        self._machine.fault(self._device, on_step)
        made = super().make(job, studio, on_step)
        self._machine.made += [(self._device, job.style.id, seed) for seed in job.seeds]
        return made


class Stacks:
    """The engines of one device. See `base.EngineSource`."""

    ids = (AUTO, LARGE, SMALL)

    def __init__(self, machine: Machine, device: str) -> None:
        self._machine, self._device = machine, device
        self.device = None

    def infos(self) -> tuple[EngineInfo, ...]:
        (filters,) = Engines({}).infos()
        here = [(id, (self._device, id) not in self._machine.cannot) for id in (LARGE, SMALL)]
        best = next((id for id, available in here if available), None)
        return tuple(
            replace(
                filters,
                id=id,
                name=id,
                is_diffusion=True,
                available=available,
                is_automatic=id == best,
                reads_style_picture=False,
            )
            for id, available in here
        )

    def create(self, model_id: str) -> EngineChoice:
        if model_id not in self.ids:
            raise RequestInvalid("There is no such model.")
        if model_id == AUTO:
            model_id = next(info.id for info in self.infos() if info.is_automatic)
        if (self._device, model_id) in self._machine.cannot:
            raise EngineUnavailable(f"{model_id} does not fit on {self._device}.")
        return EngineChoice(Stack(self._machine, self._device, model_id))


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def pipeline(presets: Presets, machine: Machine, tmp_path: Path) -> Iterator[SelfPortraitPipeline]:
    sources = {name: Stacks(machine, name) for name in ("one", "two")}
    studio = SelfPortraitPipeline(presets, tmp_path, engines=sources)
    yield studio
    studio.close()


@pytest.fixture
def ask(loaded: LoadedPhoto, consent: Consent) -> Callable[..., PortraitRequest]:
    def build(session: str = "ann-1", **changes: object) -> PortraitRequest:
        values = {"photo": loaded, "style_id": "comic", "seeds": (7,), "model_id": LARGE}
        return build_request(**{**values, **changes}, consent=consent.model_copy(update={"session": session}))

    return build


def served_to(pipeline: SelfPortraitPipeline, request: PortraitRequest) -> PortraitSet:
    """What the last event of a request's stream brings."""
    *_, result = worker.run(pipeline, request)
    assert isinstance(result, PortraitSet)
    return result


def test_as_many_are_made_at_a_time_as_there_are_devices(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    both, at_work, most = threading.Barrier(2, timeout=TIMEOUT), [0], [0]

    def fault(device: str, on_step: StepCallback) -> None:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        both.wait()  # passed only where two are at work
        at_work[0] -= 1

    machine.fault = fault
    with ThreadPoolExecutor(6) as visitors:
        results = list(visitors.map(lambda n: served_to(pipeline, ask(f"visitor-{n}", seeds=(n,))), range(6)))
    assert most == [2]
    assert sorted(seed for _, _, seed in machine.made) == list(range(6)), "each once"
    assert [device for device, _, _ in machine.made].count("one") == 3
    assert [result.portraits[0].seed for result in results] == list(range(6)), "everybody has their own"


def test_a_visitor_with_many_requests_does_not_keep_another_waiting(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    go, begun = threading.Semaphore(0), threading.Semaphore(0)

    def fault(device: str, on_step: StepCallback) -> None:
        begun.release()
        assert go.acquire(timeout=TIMEOUT)

    machine.fault = fault
    with ThreadPoolExecutor(8) as visitors:
        asked = []
        for number, (session, seed) in enumerate([*(("ann-1", seed) for seed in range(4)), ("ben-1", 100)]):
            asked.append(visitors.submit(served_to, pipeline, ask(session, seeds=(seed,))))
            if number < 2:
                assert begun.acquire(timeout=TIMEOUT)
            else:
                wait_for(lambda number=number: len(pipeline.line) == number - 1)
        go.release(len(asked))
        for one in asked:
            one.result(TIMEOUT)
    order = [seed for _, _, seed in machine.made]
    assert set(order) == {0, 1, 2, 3, 100}
    assert 100 in order[:4], "before the last of those that ann asked for earlier"


def wait_for(true: Callable[[], bool]) -> None:
    """Poll, for other threads to get somewhere."""
    pause = threading.Event()
    for _ in range(int(TIMEOUT / 0.01)):
        if true():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come to pass")


def test_each_stack_is_loaded_once_and_stays_where_it_is(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    for number in range(8):
        served_to(pipeline, ask(model_id=(LARGE, SMALL)[number % 2], seeds=(number,)))
    assert sorted(model for _, model in machine.loaded) == [LARGE, SMALL]
    assert len({device for device, _ in machine.loaded}) == 2, "neither had to go for the other"


def test_auto_and_its_own_name_are_one_engine(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    for model_id in (AUTO, LARGE, AUTO):
        served_to(pipeline, ask(model_id=model_id))
    assert len(machine.loaded) == 1


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered"),
        MemoryError(),
        EngineFailed("It ran out of memory."),
        EngineUnavailable("It does not fit."),
    ],
    ids=["driver", "memory", "told", "while loading"],
)
def test_a_dying_device_gets_no_more_work_and_its_portrait_is_made_elsewhere_once(
    pipeline: SelfPortraitPipeline,
    machine: Machine,
    ask: Callable[..., PortraitRequest],
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dying = "one"

    def fault(device: str, on_step: StepCallback) -> None:
        if device == dying:
            if isinstance(error, PortraitError):
                raise error from RuntimeError("CUDA out of memory")
            raise error

    machine.fault = fault
    request = ask()
    with caplog.at_level(logging.ERROR):
        events = list(worker.run(pipeline, request))
    assert [type(event) for event in events].count(PortraitSet) == 1
    assert machine.made == [("two", "comic", 7)]
    assert len(list(pipeline.folder("ann-1").iterdir())) == 1
    assert "device one failed" in caplog.text
    for seed in (8, 9, 10):
        served_to(pipeline, ask("ben-1", seeds=(seed,)))
    assert [device for device, _, _ in machine.made] == ["two"] * 4
    assert caplog.text.count("failed (") == 1


def test_what_fails_everywhere_is_told_once_and_no_device_is_out(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    tried = []

    def fault(device: str, on_step: StepCallback) -> None:
        tried.append(device)
        raise EngineFailed("It stopped with an error; try again.") from RuntimeError("nonsense in this photo")

    machine.fault = fault
    with pytest.raises(EngineFailed, match="stopped with an error"):
        served_to(pipeline, ask())
    assert sorted(tried) == ["one", "two"], "not more often"
    assert not pipeline.folder("ann-1").exists() or not list(pipeline.folder("ann-1").iterdir())
    machine.fault = lambda device, on_step: None
    for model in (LARGE, SMALL, LARGE, SMALL):
        served_to(pipeline, ask(model_id=model))
    assert {device for device, _, _ in machine.made} == {"one", "two"}


def test_what_an_engine_says_of_one_picture_is_no_devices_fault(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    tried = []

    def fault(device: str, on_step: StepCallback) -> None:
        tried.append(device)
        raise EngineFailed("This picture came out broken; use another seed.")

    machine.fault = fault
    with pytest.raises(EngineFailed, match="another seed"):
        served_to(pipeline, ask())
    assert len(tried) == 1


def test_cancel_reaches_a_request_that_was_moved(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    inside, leave, stop = threading.Event(), threading.Event(), threading.Event()

    def fault(device: str, on_step: StepCallback) -> None:
        if device == "one":
            raise RuntimeError("CUDA error")
        inside.set()
        assert leave.wait(TIMEOUT)

    machine.fault = fault
    with ThreadPoolExecutor(2) as visitors:
        ann = visitors.submit(served_to, pipeline, ask("ann-1"))
        assert inside.wait(TIMEOUT)
        ben = worker.run(pipeline, ask("ben-1"), stop=stop)
        while True:  # on to the wait for the device that ann's is made on
            event = next(ben)
            if isinstance(event, worker.WaitEvent) or len(pipeline.line):
                break
        stop.set()
        with pytest.raises(Cancelled):
            list(ben)
        assert len(pipeline.line) == 0
        leave.set()
        ann.result(TIMEOUT)
    assert [seed for _, _, seed in machine.made] == [7], "ann's alone"


def test_live_steps_and_cancel_are_those_of_ones_own_device(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    both = threading.Barrier(2, timeout=TIMEOUT)
    machine.fault = lambda device, on_step: both.wait() and None
    streams = [worker.run(pipeline, ask(session, seeds=(seed,))) for session, seed in (("ann-1", 1), ("ben-1", 2))]
    with ThreadPoolExecutor(2) as visitors:
        first = list(visitors.map(next, streams))
        streams[0].close()
        rest = list(streams[1])
    assert all(isinstance(event, worker.StepEvent) and event.preview is not None for event in first)
    assert isinstance(rest[-1], PortraitSet)
    assert rest[-1].portraits[0].seed == 2
    machine.fault = lambda device, on_step: None
    assert served_to(pipeline, ask("ann-1")).portraits, "both devices are free again"


def test_a_stack_that_fits_on_one_device_is_made_there_and_auto_is_the_best_of_all(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    machine.cannot = {("one", LARGE)}
    assert [(info.id, info.available, info.is_automatic) for info in pipeline.engines()] == [
        (LARGE, True, True),
        (SMALL, True, False),
    ]
    for model_id in (LARGE, AUTO):
        assert served_to(pipeline, ask(model_id=model_id)).engine == LARGE
    assert {device for device, _, _ in machine.made} == {"two"}
    machine.cannot = {("one", SMALL), ("two", SMALL)}
    with pytest.raises(EngineUnavailable, match="does not fit"):
        served_to(pipeline, ask("ben-1", model_id=SMALL))


@pytest.mark.usefixtures("small_pictures")
def test_a_style_that_only_the_filters_can_paint_goes_where_they_are(
    presets: Presets, machine: Machine, tmp_path: Path, ask: Callable[..., PortraitRequest], face_photo: Image.Image
) -> None:
    """As on a machine that borrows its GPU for one stack."""
    sources = {"lent": Stacks(machine, "lent"), "cpu": Engines({})}
    studio = SelfPortraitPipeline(presets, tmp_path, engines=sources)
    picture = StylePicture(image=face_photo.resize((64, 64)))
    made = served_to(studio, ask(style_id="own-picture", style_picture=picture, model_id=AUTO))
    assert not made.portraits[0].is_diffusion
    assert served_to(studio, ask(model_id=AUTO)).engine == LARGE
    studio.close()


def test_a_device_that_is_not_open_to_somebody_gets_none_of_their_work(
    presets: Presets, machine: Machine, tmp_path: Path, ask: Callable[..., PortraitRequest]
) -> None:
    """As a lent GPU where no visitor's call stands behind a request."""
    is_open = [True]
    machine.cannot = {("cpu", LARGE)}
    studio = SelfPortraitPipeline(presets, tmp_path, engines={"cpu": Stacks(machine, "cpu")})
    studio.add_device("lent", Stacks(machine, "lent"), room=9, is_open=lambda: is_open[0])
    assert served_to(studio, ask(model_id=AUTO)).engine == LARGE
    is_open[0] = False
    assert [info.id for info in studio.engines() if info.available] == [SMALL]
    assert served_to(studio, ask(model_id=AUTO)).engine == SMALL
    with pytest.raises(EngineUnavailable, match="does not fit on cpu"):
        served_to(studio, ask(model_id=LARGE))
    assert [device for device, _, _ in machine.made] == ["lent", "cpu"]
    studio.close()


def test_all_devices_are_warmed_up_and_one_that_cannot_be_keeps_nobody_waiting(
    pipeline: SelfPortraitPipeline, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.photo.vision.warm_up", lambda: None)
    pipeline.warm_up()
    assert sorted(machine.loaded) == [("one", LARGE), ("two", LARGE)]
    assert pipeline.warming == ""


# --- which devices there are ---


def test_auto_gives_work_to_every_gpu_once_torch_is_loaded(
    presets: Presets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[..., PortraitRequest]
) -> None:
    here = tuple(Device("cuda", 24_000_000_000, index) for index in range(3))
    monkeypatch.setattr("pipelines.easels.gpus", lambda: here)
    is_there = [False]
    monkeypatch.setattr("pipelines.heavy.is_loaded", lambda name: is_there[0])
    studio = SelfPortraitPipeline(presets, tmp_path)
    with studio.join(ask(model_id="preview")):
        assert studio.line.devices == ("", FILTERS)
    is_there[0] = True
    for _ in range(2):
        with studio.join(ask(model_id="preview")):
            assert studio.line.devices == ("", FILTERS, "cuda:1", "cuda:2")
    studio.close()


def test_the_operator_names_devices(presets: Presets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tuple(Device("cuda", 24_000_000_000, index) for index in range(3))
    monkeypatch.setattr(devices, "gpus", lambda: here)
    studio = SelfPortraitPipeline(presets, tmp_path, devices="cuda:0, cuda:2, cpu")
    assert studio.line.devices == ("cuda:0", "cuda:2", "cpu", FILTERS)
    for names, words in (
        ("cuda:0,cuda:7", "names 'cuda:7', but here are: cpu, cuda:0, cuda:1, cuda:2"),
        ("cpu,cpu", "names cpu twice"),
    ):
        with pytest.raises(SettingsError, match=words):
            SelfPortraitPipeline(presets, tmp_path, devices=names)


def test_filters_have_places_of_their_own(
    presets: Presets, tmp_path: Path, ask: Callable[..., PortraitRequest]
) -> None:
    """They are not waited for behind a model, and take no place from it."""
    studio = SelfPortraitPipeline(presets, tmp_path)
    assert studio.places("preview") == filters_at_once()
    assert SelfPortraitPipeline(presets, tmp_path, filters_at_once=3).places("preview") == 3
    assert studio.places("embedded") == 1
    with studio.join(ask(model_id="embedded")) as model, studio.join(ask(model_id="preview")) as filters:
        assert (model.device, filters.device) == ("", FILTERS)


def test_what_runs_nowhere_says_why(presets: Presets, tmp_path: Path, ask: Callable[..., PortraitRequest]) -> None:
    studio = SelfPortraitPipeline(presets, tmp_path)
    with pytest.raises(EngineUnavailable, match="Light"):
        studio(ask(model_id="sdxl-lightning"))


@pytest.mark.parametrize("error", [RuntimeError("x"), MemoryError()])
def test_a_single_device_is_never_out(
    presets: Presets, machine: Machine, tmp_path: Path, ask: Callable[..., PortraitRequest], error: Exception
) -> None:
    studio = SelfPortraitPipeline(presets, tmp_path, engines=Stacks(machine, "one"))

    def fault(device: str, on_step: StepCallback) -> None:
        raise error

    machine.fault = fault
    with pytest.raises((EngineFailed, RuntimeError)):
        served_to(studio, ask())
    machine.fault = lambda device, on_step: None
    assert served_to(studio, ask()).portraits
    studio.close()


def test_pictures_are_those_of_the_job_whatever_device_made_them(
    pipeline: SelfPortraitPipeline, ask: Callable[..., PortraitRequest]
) -> None:
    with ThreadPoolExecutor(4) as visitors:
        sets = list(visitors.map(lambda seed: served_to(pipeline, ask(f"visitor-{seed}", seeds=(seed % 2,))), range(4)))
    pixels = []
    for made in sets:
        with Image.open(made.portraits[0].path) as picture:
            pixels.append(picture.tobytes())
    assert pixels[0] == pixels[2] != pixels[1] == pixels[3]

"""Whoever reads weights is alone; who works with models is not."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pipelines import heavy

SECONDS = 20.0


class Inside:
    """A thread that is inside `loading_weights` or `working_with_models` until it is told to leave."""

    def __init__(self, pool: ThreadPoolExecutor, enter: Callable[[], object]) -> None:
        self.inside, self.leave = threading.Event(), threading.Event()
        self.done: Future[None] = pool.submit(self._stay, enter)

    def _stay(self, enter: Callable) -> None:
        with enter():
            self.inside.set()
            assert self.leave.wait(SECONDS)

    def is_inside(self, seconds: float = 0.1) -> bool:
        return self.inside.wait(seconds)

    def go(self) -> None:
        self.leave.set()
        self.done.result(SECONDS)


@pytest.fixture
def enter() -> Iterator[Callable[[Callable], Inside]]:
    with ThreadPoolExecutor(8) as pool:
        yield lambda what: Inside(pool, what)


def test_several_work_at_a_time_and_whoever_reads_waits_for_them(enter: Callable[[Callable], Inside]) -> None:
    first, second = enter(heavy.working_with_models), enter(heavy.working_with_models)
    assert first.is_inside(SECONDS)
    assert second.is_inside(SECONDS)
    reader = enter(heavy.loading_weights)
    assert not reader.is_inside()
    late = enter(heavy.working_with_models)
    assert not late.is_inside(), "or in a crowd nobody would ever read"
    first.go()
    assert not reader.is_inside()
    second.go()
    assert reader.is_inside(SECONDS)
    assert not late.is_inside()
    reader.go()
    assert late.is_inside(SECONDS)
    late.go()


def test_one_reads_at_a_time(enter: Callable[[Callable], Inside]) -> None:
    first = enter(heavy.loading_weights)
    assert first.is_inside(SECONDS)
    second = enter(heavy.loading_weights)
    assert not second.is_inside()
    first.go()
    assert second.is_inside(SECONDS)
    second.go()


def test_a_model_that_is_needed_in_the_middle_of_work_is_read_at_once(enter: Callable[[Callable], Inside]) -> None:
    """Two who waited for each other's work to end would wait for ever."""
    other = enter(heavy.working_with_models)
    assert other.is_inside(SECONDS)
    with heavy.working_with_models(), heavy.loading_weights(), heavy.loading_weights(), heavy.working_with_models():
        pass
    other.go()


def test_what_fails_inside_leaves_nobody_waiting(enter: Callable[[Callable], Inside]) -> None:
    for what in (heavy.loading_weights, heavy.working_with_models):
        with pytest.raises(ValueError, match="broken"), what():
            raise ValueError("broken")
    reader = enter(heavy.loading_weights)
    assert reader.is_inside(SECONDS)
    reader.go()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot copy a process")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of copying a process with threads, which is what is tested
def test_a_copy_of_the_process_waits_for_no_thread_that_it_has_not(enter: Callable[[Callable], Inside]) -> None:
    other = enter(heavy.working_with_models)
    assert other.is_inside(SECONDS)
    held, go = threading.Event(), threading.Event()

    def importing() -> None:
        with heavy._lock:
            held.set()
            go.wait(SECONDS)

    thread = threading.Thread(target=importing)
    thread.start()
    assert held.wait(SECONDS)
    copy = os.fork()
    if copy == 0:
        with heavy.loading_weights():
            os._exit(7 if heavy._lock.acquire(timeout=SECONDS) else 8)
    go.set()
    thread.join()
    ended, status = os.waitpid(copy, 0)
    assert (ended, os.waitstatus_to_exitcode(status)) == (copy, 7)
    other.go()

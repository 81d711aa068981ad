"""A stand-in for the package of ZeroGPU Spaces, which forks as the real one does (spaces 0.51, zero/wrappers.py).

Of a call the arguments go pickled to a copy of this process, forked at the first call and kept for the next, daemonic,
and what is yielded comes back so. An exception there is printed and becomes an error with its class alone. Closing the
generator is seen by the copy after its next step. `launch()` checks that something is marked and that CUDA was not
started here.

SPACES_STAND_IN is a folder: a line of JSON for each call is added to calls.jsonl, and what is in refuse.json, as
[title, message], is raised in the place of the next call.
"""

from __future__ import annotations

import inspect
import json
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import LocalContext

_fork = multiprocessing.get_context("fork")
_folder = Path(os.environ["SPACES_STAND_IN"])
_marked: list[Callable[..., Any]] = []
_is_copy = False


class _Copy:
    def __init__(self, task: Callable[..., Generator[Any, None, None]]) -> None:
        self.arguments, self.results, self.stop = _fork.SimpleQueue(), _fork.SimpleQueue(), _fork.Event()
        self.process = _fork.Process(target=_work, args=(task, self.arguments, self.results, self.stop), daemon=True)
        self.process.start()


def _work(task: Callable[..., Generator[Any, None, None]], arguments: Any, results: Any, stop: Any) -> None:
    global _is_copy
    _is_copy = True
    while True:
        args, kwargs = arguments.get()
        stop.clear()

        def iterate(args: Any = args, kwargs: Any = kwargs) -> None:
            made = task(*args, **kwargs)
            while True:
                try:
                    value = next(made)
                except StopIteration:
                    break
                except Exception as error:
                    results.put(("error", type(error).__name__, traceback.format_exc()))
                    return
                if stop.is_set():
                    made.close()
                    break
                results.put(("value", value, ""))

        with ThreadPoolExecutor() as executor:
            executor.submit(copy_context().run, iterate)
        results.put(("end", None, ""))


def GPU(task: Any = None, *, duration: Any = None, size: str | None = None) -> Any:
    """Mark a generator function. Without SPACES_ZERO_GPU the real one hands it back as it is."""
    if task is None:
        return lambda task: GPU(task, duration=duration, size=size)
    assert inspect.isgeneratorfunction(task), "the stand-in knows generators alone"
    assert task not in _marked
    idle: list[_Copy] = []

    @wraps(task)
    def handler(*args: Any, **kwargs: Any) -> Iterator[Any]:
        if _is_copy:
            yield from task(*args, **kwargs)
            return
        seconds = duration(*args, **kwargs) if callable(duration) else duration
        request = LocalContext.request.get(None)
        refused = _folder / "refuse.json"
        if refused.exists():
            title, message = json.loads(refused.read_text())
            refused.unlink()
            raise gr.Error(message, title=title, print_exception=False)
        copy = idle.pop() if idle else _Copy(task)
        copy.arguments.put((args, kwargs))
        with (_folder / "calls.jsonl").open("a") as calls:
            said = {"seconds": seconds, "process": copy.process.pid, "has_visitor": request is not None}
            calls.write(json.dumps(said) + "\n")
        kind = ""
        while kind != "end":
            kind, value, trace = copy.results.get()
            if kind == "error":
                print(trace, file=sys.stderr)
                copy.results.get()
                idle.append(copy)
                raise gr.Error(value, title="ZeroGPU worker error", print_exception=False)
            if kind == "value":
                try:
                    yield value
                except GeneratorExit:
                    copy.stop.set()
                    while copy.results.get()[0] != "end":
                        pass
                    idle.append(copy)
                    raise
        idle.append(copy)

    _marked.append(handler)
    return handler


_launch = gr.Blocks.launch


def launch(*args: Any, **kwargs: Any) -> Any:
    """Gradio's, with the report at the start: later ones are not hooked."""
    assert _marked, "No @spaces.GPU function detected during startup"
    torch = sys.modules.get("torch")
    assert torch is None or not torch.cuda.is_initialized(), "CUDA was started in the process of the page"
    gr.Blocks.launch = _launch  # type: ignore[method-assign]
    (_folder / "started").touch()
    return gr.Blocks.launch(*args, **kwargs)


gr.Blocks.launch = launch  # type: ignore[method-assign]

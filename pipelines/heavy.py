"""The one place where heavy libraries are imported, when first needed.

torch, diffusers, transformers, controlnet_aux, mediapipe, onnxruntime take seconds to import; the page must not wait.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from languages.saying import say
from pipelines.errors import EngineUnavailable

log = logging.getLogger(__name__)

# Set before any import: no library of ours may phone home or chat on the terminal.
for _name, _value in {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime reports to its maker otherwise: its docs/Privacy.md
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GLOG_minloglevel": "3",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
}.items():
    os.environ.setdefault(_name, _value)

_lock = threading.Lock()
_loaded: dict[str, ModuleType] = {}


def load(name: str) -> ModuleType:
    """Import a heavy module once, whichever thread asks first.

    Raises:
        EngineUnavailable: The module is not installed or does not start here.
    """
    module = _loaded.get(name)
    if module is not None:
        return module
    with _lock:
        if name not in _loaded:
            started = time.monotonic()
            try:
                _loaded[name] = importlib.import_module(name)
            except Exception as error:  # a broken native library can raise anything
                raise EngineUnavailable(
                    say("The library {name} does not start on this machine; run the installation again.", name=name),
                    detail=repr(error),
                ) from error
            log.info("loaded %s in %.1f s", name, time.monotonic() - started)
        return _loaded[name]


def is_loaded(name: str) -> bool:
    """Whether `load(name)` would answer at once."""
    return name in _loaded


class _Weights:
    """Who reads weights, and who works with models, of all threads of this process.

    While they read weights, transformers, diffusers and accelerate change torch for everybody: its functions that make
    parameters, and the type of numbers that have none of their own. Two who read at a time leave models without weights
    behind; who paints meanwhile, on another device, paints with numbers half as long.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.reader, self.depth = 0, 0  # the thread, and how often it asked
        self.waiting = 0
        self.working: Counter[int] = Counter()  # by thread

    def may_read(self, me: int) -> bool:
        """Alone; but who is at work already and needs one more model does not wait for others, who may wait for it."""
        return self.reader in (0, me) and (self.working[me] > 0 or self.working.total() == 0)

    def may_work(self, me: int) -> bool:
        """Not while weights are read, nor before somebody who waits to."""
        return self.reader in (0, me) and (self.waiting == 0 or self.working[me] > 0 or self.reader == me)


_weights = _Weights()


def _begin_anew() -> None:
    """In a copy of this process only the thread that made it lives on."""
    global _weights, _lock
    _weights, _lock = _Weights(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


@contextmanager
def loading_weights() -> Iterator[None]:
    """Around all that reads weights: one thread at a time, and nobody works with models meanwhile."""
    weights, me = _weights, threading.get_ident()
    with weights.changed:
        weights.waiting += 1
        weights.changed.wait_for(lambda: weights.may_read(me))
        weights.waiting -= 1
        weights.reader, weights.depth = me, weights.depth + 1
    try:
        yield
    finally:
        with weights.changed:
            weights.depth -= 1
            weights.reader = me if weights.depth else 0
            weights.changed.notify_all()


@contextmanager
def working_with_models() -> Iterator[None]:
    """Around work of a model that was loaded: several threads at a time."""
    weights, me = _weights, threading.get_ident()
    with weights.changed:
        weights.changed.wait_for(lambda: weights.may_work(me))
        weights.working[me] += 1
    try:
        yield
    finally:
        with weights.changed:
            weights.working[me] -= 1
            weights.working += Counter()  # forgets those that are at nothing
            weights.changed.notify_all()

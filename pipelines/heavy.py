"""The one place where heavy libraries are imported, when first needed.

torch, diffusers, transformers, controlnet_aux, mediapipe, onnxruntime take seconds to import; the page must not wait.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
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

# Around all that reads weights. While they do, transformers, diffusers and accelerate put functions of their own in the
# place of torch's, for the whole process: two at a time leave models without weights behind.
loading_weights = threading.RLock()

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

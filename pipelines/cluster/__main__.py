"""What who runs a cluster does from the shell, on a machine that is a member of it.

    python -m pipelines.cluster status ray://10.0.0.5
    python -m pipelines.cluster restart ray://10.0.0.5    # one replica after the other; none drops a portrait
    python -m pipelines.cluster stop ray://10.0.0.5

The settings STUDIO_REPLICAS and STUDIO_MODEL say how many replicas there are and what they load first.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipelines import heavy
from pipelines.cluster import deployment, membership
from pipelines.engines.base import AUTO
from pipelines.errors import PortraitError
from pipelines.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked; 1 and one sentence on stderr where that is not possible."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.cluster", description="Watch or renew the replicas.")
    parser.add_argument("action", choices=("status", "restart", "stop"))
    parser.add_argument("cluster", help="ray://HOST or ray://HOST:PORT")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    try:
        settings = Settings.read({"STUDIO_BACKEND": options.cluster})
        if settings.backend is None or not settings.backend.address:
            parser.error("name a cluster that is running, as ray://HOST:PORT")
        with tempfile.TemporaryDirectory(prefix="ray-") as folder:
            membership.enter(settings.backend.address, Path(folder))
            try:
                _do(options.action, Settings.read())
            finally:
                membership.leave(Path(folder))
    except PortraitError as error:
        print(error.told, file=sys.stderr)
        return 1
    return 0


def _do(action: str, settings: Settings) -> None:
    if action == "restart":
        model_id = "" if settings.model == AUTO else settings.model
        deployment.run(deployment.Plan(settings.replicas, model_id))
    if action == "stop":
        heavy.load("ray.serve").shutdown()
        return
    states = deployment.count_replicas()
    print(", ".join(f"{count} {state.lower()}" for state, count in sorted(states.items())) or "no replicas")


if __name__ == "__main__":
    sys.exit(main())

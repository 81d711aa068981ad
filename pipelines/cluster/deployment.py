"""The Serve application: replicas that each paint one job at a time.

Loaded in processes that are members of a cluster, never in the page's.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pipelines import heavy
from pipelines.cluster.painting import Loaded, Painter
from pipelines.cluster.wire import Plain
from pipelines.presets.loading import all_presets
from pipelines.settings import Replicas

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows
    resource = None

APP = "self-portrait-studio"
DEPLOYMENT = "painter"
_ROOT = Path(__file__).resolve().parents[2]
_LONGEST_SECONDS = 600.0  # of a portrait that is in the making while its replica is to end
_HEALTH_SECONDS = 10.0
# In one cluster, each with as many runs as there can be replicas; Serve counts those that it hands over, too.
_STUDIOS = 4
_UP_SECONDS, _DOWN_SECONDS = 10.0, 600.0  # one replica more, one less; loading models takes time, and so does a visit
_HANDED_ON = ("STUDIO_PRESETS", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Plan:
    """How the application is laid out.

    Attributes:
        replicas: How many, at least and at most.
        model_id: What each replica loads before it takes work; "" for nothing.
    """

    replicas: Replicas
    model_id: str = ""


class PaintingReplica:
    """One replica. Its calls are coroutines, so that they can be cancelled and its health told while it paints.

    Args:
        model_id: See `Plan`.
    """

    async def __init__(self, model_id: str) -> None:  # type: ignore[misc]  # Serve awaits it
        if resource is not None:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash would write photos out of memory
        self._painter = Painter(all_presets().models)
        if model_id:
            await self.engine(model_id)

    async def engine(self, model_id: str) -> Loaded:
        """The engine of a stack; `build` lets Serve keep the latest one, and route to whoever has it."""
        return await self._painter.load(model_id)

    async def offers(self) -> list[Plain]:
        """See `Painter.offers`."""
        return self._painter.offers()

    async def warm(self, model_id: str) -> None:
        """Load what the first portrait would otherwise wait for."""
        await self.engine(model_id)

    async def paint(self, model_id: str, run: str, attempt: int, job: Plain) -> AsyncGenerator[Plain, None]:
        """See `Painter.paint`."""
        loaded = await self.engine(model_id)
        async for told in self._painter.paint(loaded, run, attempt, job):
            yield told

    async def check_health(self) -> None:
        """Serve puts a new replica in the place of one that raises here.

        Raises:
            RuntimeError: Job after job failed.
        """
        if self._painter.is_ill:
            raise RuntimeError("job after job failed here")


def build(plan: Plan) -> Any:
    """The application, to be run by Serve. Replicas have a GPU each where the cluster has any, else a core."""
    serve, ray = heavy.load("ray.serve"), heavy.load("ray")
    has_gpus = ray.cluster_resources().get("GPU", 0) > 0

    class Replica(PaintingReplica):
        engine = serve.multiplexed(max_num_models_per_replica=1)(PaintingReplica.engine)

    handed = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    options: dict[str, Any] = {
        "name": DEPLOYMENT,
        "max_ongoing_requests": 1,
        "max_queued_requests": _STUDIOS * plan.replicas.most,
        "graceful_shutdown_timeout_s": _LONGEST_SECONDS,
        "health_check_period_s": _HEALTH_SECONDS,
        "logging_config": {"enable_access_log": False, "log_level": "WARNING"},
        "ray_actor_options": {
            "num_cpus": 1,
            "num_gpus": 1 if has_gpus else 0,
            "runtime_env": {"env_vars": {"PYTHONPATH": str(_ROOT), **handed}},
        },
    }
    if plan.replicas.least == plan.replicas.most:
        options["num_replicas"] = plan.replicas.most
    else:
        options["autoscaling_config"] = {
            "min_replicas": plan.replicas.least,
            "max_replicas": plan.replicas.most,
            "target_ongoing_requests": 1,
            "upscale_delay_s": _UP_SECONDS,
            "downscale_delay_s": _DOWN_SECONDS,
        }
    return serve.deployment(**options)(Replica).bind(plan.model_id)


def run(plan: Plan) -> Any:
    """Run the application, or lay it out anew: replicas are then replaced one after the other, each when the job that
    it is at is finished. Returns its handle.
    """
    return heavy.load("ray.serve").run(build(plan), name=APP, route_prefix=None)


def handle_of_running() -> Any | None:
    """Of the application that runs already, as another studio or the operator started it; None where there is none."""
    serve = heavy.load("ray.serve")
    found = serve.status().applications.get(APP)
    return serve.get_app_handle(APP) if found is not None and found.status in ("RUNNING", "DEPLOYING") else None


def count_replicas() -> dict[str, int]:
    """Replicas by the state that Serve says they are in, such as RUNNING."""
    found = heavy.load("ray.serve").status().applications.get(APP)
    deployment = found.deployments.get(DEPLOYMENT) if found is not None else None
    return {str(state): int(count) for state, count in deployment.replica_states.items()} if deployment else {}

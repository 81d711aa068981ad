"""A studio whose models run in a cluster: from its settings to a device of its pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import util

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipelines import easels
from pipelines.cluster.link import Link, Setup
from pipelines.cluster.remote import RemoteEngines
from pipelines.engines.base import AUTO, Refuse
from pipelines.errors import SettingsError
from pipelines.hub.stack import ModelStack
from pipelines.measures import gauge
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.settings import Settings

NAME = "cluster"


class Cluster:
    """Joined; what it offers is `engines`.

    Args:
        settings: With a backend that is none of this process.
        models: Stacks by id.
        refuse: Why a stack is not to be used, as a sentence; "" where it is.

    Raises:
        SettingsError: It is not safe to join, or Ray is not installed.
        EngineUnavailable: It cannot be reached.
    """

    def __init__(self, settings: Settings, models: Mapping[str, ModelStack], refuse: Refuse) -> None:
        if reason := why_not():
            raise SettingsError(f"STUDIO_BACKEND cannot work: {reason} Or leave the setting out.")
        if settings.backend is None:
            raise ValueError("there is no cluster to be joined")
        self._room = settings.replicas.most
        self._filters_at_once = settings.filters_at_once or easels.filters_at_once()
        first = settings.model if settings.model in models else _best(models, refuse) if settings.model == AUTO else ""
        self.link = Link(Setup(settings.backend, settings.replicas, first))
        self.link.join()
        self.engines = RemoteEngines(models, self.link, refuse)

    def open(self, pipeline: SelfPortraitPipeline) -> None:
        """Let a pipeline, built with `engines`, have as many at work as there can be replicas.

        More wait in its line, where each has a place. Fewer would keep Serve from ever starting a further replica: it
        does so for those who ask while all replicas are busy.
        """
        pipeline.add_device(NAME, self.engines, room=self._room)
        pipeline.add_device(easels.FILTERS, easels.Filters(), room=self._filters_at_once)
        pipeline.measures.add(self._told)

    def _told(self) -> Iterator[Metric]:
        """For `Measures.add`."""
        link = self.link
        yield GaugeMetricFamily("studio_cluster_up", "Whether the cluster takes work.", value=float(link.is_up))
        yield CounterMetricFamily("studio_cluster_joined", "How often the cluster was joined.", value=link.joined)
        yield CounterMetricFamily("studio_cluster_lost_runs", "Runs whose replica was lost.", value=link.lost_runs)
        states = {state.lower(): float(count) for state, count in link.replicas.items()}
        yield gauge("studio_replicas", "Replicas by their state.", "state", {"running": 0.0, **states})


def why_not() -> str:
    """Why no cluster can be joined here, for the operator; "" where one can. Loads nothing."""
    missing = [name for name in ("ray", "grpc") if util.find_spec(name) is None]
    return f"{' and '.join(missing)} are missing: pip install -r requirements-cluster.txt." if missing else ""


def _best(models: Mapping[str, ModelStack], refuse: Refuse) -> str:
    """What replicas load first, where the operator leaves it to the studio: what is in the files of this project."""
    able = [stack for stack in models.values() if stack.rank > 0 and not refuse(stack)]
    here = [stack for stack in able if all(part.source.path is not None for part in stack.components())]
    return max(here, key=lambda stack: stack.rank).id if here else ""

"""How the application is laid out, as Serve understands it; in a process of its own, for this one does not load Ray."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipelines.cluster.joining import why_not
from tests.support.site import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason="requirements-cluster.txt is not installed")]
TOLD = """
import json, sys, ray
from pipelines.cluster import deployment
from pipelines.settings import Replicas
ray.cluster_resources = lambda: json.loads(sys.argv[1])
laid = deployment.build(deployment.Plan(Replicas(*json.loads(sys.argv[2])), "embedded"))._bound_deployment
kept = laid._deployment_config
scaling = kept.autoscaling_config
print(json.dumps({
    "replicas": laid.num_replicas,
    "scaling": scaling and [scaling.min_replicas, scaling.max_replicas, scaling.target_ongoing_requests],
    "ongoing": kept.max_ongoing_requests,
    "queued": kept.max_queued_requests,
    "gpus": laid.ray_actor_options["num_gpus"],
    "logs requests": kept.logging_config["enable_access_log"],
    "seconds to end": kept.graceful_shutdown_timeout_s,
}))
"""


def laid_out(resources: dict[str, float], least: int, most: int) -> dict[str, object]:
    command = [sys.executable, "-c", TOLD, json.dumps(resources), json.dumps([least, most])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_replica_has_one_job_and_there_is_room_for_what_several_studios_send() -> None:
    assert laid_out({"CPU": 2}, 2, 2) == {
        "replicas": 2,
        "scaling": None,
        "ongoing": 1,
        "queued": 8,
        "gpus": 0,
        "logs requests": False,
        "seconds to end": 600.0,
    }


def test_between_two_numbers_there_is_one_for_each_that_asks_and_each_has_a_gpu() -> None:
    told = laid_out({"CPU": 64, "GPU": 4}, 1, 8)
    assert told["scaling"] == [1, 8, 1.0]
    assert (told["gpus"], told["queued"]) == (1, 32)

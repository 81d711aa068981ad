"""Tests that share what is costly to start run in one worker."""

from __future__ import annotations

import pytest


def test_workers_are_told_the_groups(request: pytest.FixtureRequest) -> None:
    """Once they were not, after an upgrade, and each worker started everything: nothing failed, and all took twice."""
    if not request.config.getoption("loadgroup", False):
        pytest.skip("there is one process")
    assert request.node.nodeid.endswith("@tests/test_groups.py")

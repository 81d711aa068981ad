"""From the settings to a cluster, where that is not possible."""

from __future__ import annotations

import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

from pipelines.cluster import joining
from pipelines.errors import SettingsError
from pipelines.presets.loading import Presets
from pipelines.settings import Settings
from tests.support.site import ROOT


def test_without_ray_the_operator_is_told_what_to_install(presets: Presets, monkeypatch: pytest.MonkeyPatch) -> None:
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "ray" else found(name))
    settings = Settings.read({"STUDIO_BACKEND": "ray"})
    with pytest.raises(SettingsError, match=r"ray (and grpc )?are missing: pip install -r requirements-cluster.txt"):
        joining.Cluster(settings, presets.models, lambda stack: "")


def test_a_cluster_in_a_public_network_is_not_joined(presets: Presets, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the gateway, before it sends anything: what it says reaches the operator."""
    monkeypatch.setattr(joining, "why_not", lambda: "")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 2)
    settings = Settings.read({"STUDIO_BACKEND": "ray://8.8.8.8"})
    with pytest.raises(SettingsError, match="public network"):
        joining.Cluster(settings, presets.models, lambda stack: "")


def test_nor_one_without_a_token(presets: Presets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(joining, "why_not", lambda: "")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Settings.read({"STUDIO_BACKEND": "ray://127.0.0.1"})
    with pytest.raises(SettingsError, match="with a token only"):
        joining.Cluster(settings, presets.models, lambda stack: "")


def test_the_command_says_why_it_cannot(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelines.cluster", "status", "ray://8.8.8.8"]
    environment = {"PATH": "", "HOME": str(tmp_path), "RAY_AUTH_TOKEN": "0123456789abcdef" * 2}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "public network" in done.stderr
    assert "Traceback" not in done.stderr

"""What must hold before a cluster is joined."""

from __future__ import annotations

from concurrent import futures
from pathlib import Path

import pytest

from pipelines.cluster import security
from pipelines.errors import SettingsError
from pipelines.settings import Backend, Replicas, Settings

TOKEN = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("text", "backend"),
    [
        ("local", None),
        ("ray", Backend("")),
        ("ray://10.0.0.5", Backend("10.0.0.5:6379")),
        (" RAY://head.lan:6400/", Backend("head.lan:6400")),
        ("ray://[fd00::1]:6379", Backend("[fd00::1]:6379")),
    ],
)
def test_a_backend_is_read(text: str, backend: Backend | None) -> None:
    assert Settings.read({"STUDIO_BACKEND": text}).backend == backend


@pytest.mark.parametrize(
    "text", ["auto", "ray:", "ray://", "http://10.0.0.5", "ray://a b", "ray://h:0", "ray://h:99999"]
)
def test_what_is_no_backend_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="STUDIO_BACKEND must be local, ray, or ray://HOST:PORT"):
        Settings.read({"STUDIO_BACKEND": text})


def test_replicas_are_a_number_or_two() -> None:
    assert Settings.read({}).replicas == Replicas(1, 1)
    assert Settings.read({"STUDIO_REPLICAS": "2"}).replicas == Replicas(2, 2)
    assert Settings.read({"STUDIO_REPLICAS": "1 - 8"}).replicas == Replicas(1, 8)
    for wrong in ("0", "8-1", "-1", "many", "1-1000"):
        with pytest.raises(SettingsError, match="STUDIO_REPLICAS must be"):
            Settings.read({"STUDIO_REPLICAS": wrong})


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "[fd00::1]", "::1"])
def test_private_addresses_pass(host: str) -> None:
    security.require_private(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "0.0.0.0.0", "2606:4700::1111", "no such name"])
def test_others_do_not(host: str) -> None:
    with pytest.raises(SettingsError, match="STUDIO_BACKEND names a machine"):
        security.require_private(host)


def test_a_name_with_one_public_address_does_not() -> None:
    with pytest.raises(SettingsError, match="public network"):
        security.require_private("head", lambda name: ["10.0.0.5", "8.8.8.8"])
    with pytest.raises(SettingsError, match="public network"):
        security.require_members([{"Alive": True, "NodeManagerAddress": "8.8.8.8"}])
    security.require_members([{"Alive": False, "NodeManagerAddress": "8.8.8.8"}])


def test_a_cluster_is_joined_with_a_token_only(tmp_path: Path) -> None:
    bare = {"HOME": str(tmp_path)}
    with pytest.raises(SettingsError, match="with a token only"):
        security.prepare(dict(bare), own=False)
    with pytest.raises(SettingsError, match="32 characters"):
        security.prepare({**bare, "RAY_AUTH_TOKEN": "short"}, own=False)
    given = {**bare, "RAY_AUTH_TOKEN": TOKEN, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "1"}
    security.prepare(given, own=False)
    assert (given["RAY_AUTH_MODE"], given["RAY_USAGE_STATS_ENABLED"]) == ("token", "0")
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(TOKEN)
    security.prepare(dict(bare), own=False)


def test_a_cluster_of_our_own_has_a_new_token_each_time(tmp_path: Path) -> None:
    first, second = {"HOME": str(tmp_path), "RAY_AUTH_TOKEN": TOKEN}, {"HOME": str(tmp_path)}
    security.prepare(first, own=True)
    security.prepare(second, own=True)
    assert len({first["RAY_AUTH_TOKEN"], second["RAY_AUTH_TOKEN"], TOKEN}) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [("UNAUTHENTICATED", ""), (None, "lets in whoever comes"), ("UNIMPLEMENTED", "no cluster that asks for a token")],
)
def test_that_a_token_is_asked_for_is_tried(answer: str | None, words: str) -> None:
    grpc = pytest.importorskip("grpc", reason="requirements-cluster.txt is not installed")

    def answered(request: bytes, context: object) -> bytes:
        if answer is not None:
            context.abort(getattr(grpc.StatusCode, answer), "")  # type: ignore[attr-defined]
        return b""

    class Head(grpc.GenericRpcHandler):  # type: ignore[name-defined]
        def service(self, call: object) -> object:
            return grpc.unary_unary_rpc_method_handler(answered)

    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=(Head(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        if words:
            with pytest.raises(SettingsError, match=words):
                security.require_guarded(f"127.0.0.1:{port}")
        else:
            security.require_guarded(f"127.0.0.1:{port}")
    finally:
        server.stop(None)


def test_the_process_that_loads_ray_does_not_know_what_only_the_page_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("STUDIO_OPERATOR_TOKEN", "STUDIO_SHARED_URL", "STUDIO_SHARED_KEY", "STUDY_DATABASE_URL")
    for name in secrets:
        monkeypatch.setenv(name, "a secret of the page's")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    assert not security.environment_of_child().keys() & set(secrets)
    assert security.environment_of_child()["RAY_AUTH_TOKEN"] == TOKEN

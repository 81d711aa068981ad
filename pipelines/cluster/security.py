"""What must hold before this studio joins a cluster: whoever reaches one can run any code on it, and see photos.

So addresses are of this machine or of a private network, and a member must show a token. That the token is asked for is
not taken from a setting but tried: a call without one must be refused.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from pipelines import heavy
from pipelines.errors import SettingsError

_PROBE = "/ray.rpc.NodeInfoGcsService/GetClusterId"
_PROBE_SECONDS = 10.0
_SHORTEST_TOKEN = 32
_PAGE_ONLY = (
    "STUDIO_OPERATOR_TOKEN",
    "STUDIO_C2PA_KEY",
    "STUDIO_SHARED_URL",
    "STUDIO_SHARED_KEY",
    "STUDY_DATABASE_URL",
    "STUDY_RESEARCHERS",
)
_HOW = "ray get-auth-token --generate makes one"


def require_private(host: str, resolve: Callable[[str], list[str]] | None = None) -> None:
    """Let an address of this machine or of a private network pass.

    Args:
        resolve: A name's addresses; left out, the system's.

    Raises:
        SettingsError: It is none, or the name is not known.
    """
    try:
        found = (resolve or _addresses)(host.strip("[]"))
        addresses = [ipaddress.ip_address(one) for one in found]
    except (OSError, ValueError):
        addresses = []
    if not addresses:
        raise SettingsError("STUDIO_BACKEND names a machine that is not known here; write its address.")
    if not all(one.is_private or one.is_loopback for one in addresses):
        raise SettingsError(
            "STUDIO_BACKEND names a machine in a public network, where anybody could run code on it; join clusters in a"
            " private network only."
        )


def prepare(environment: MutableMapping[str, str], *, own: bool) -> None:
    """Set what Ray reads of the environment, in the process that will load it, before it does.

    Args:
        own: The cluster is begun here, for this studio alone; it gets a token of its own.

    Raises:
        SettingsError: There is no token for a cluster that is to be joined, or it could be guessed.
    """
    environment.update(
        RAY_AUTH_MODE="token",
        RAY_USAGE_STATS_ENABLED="0",
        RAY_SERVE_LOG_TO_STDERR="0",
        RAY_DISABLE_IMPORT_WARNING="1",
        RAY_DEDUP_LOGS="0",
        RAY_COLOR_PREFIX="0",
    )
    environment.setdefault("RAY_worker_niceness", "0")  # 15 by itself; but visitors wait for what replicas do
    if own:
        environment["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        environment.pop("RAY_AUTH_TOKEN_PATH", None)
        # Ray's own name for it: all its servers listen on 127.0.0.1, as they do on other systems.
        environment["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        return
    token = token_of(environment)
    if not token:
        raise SettingsError(
            f"A cluster is joined with a token only; set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH ({_HOW})."
        )
    if len(token) < _SHORTEST_TOKEN:
        raise SettingsError(f"The cluster's token must have {_SHORTEST_TOKEN} characters or more; {_HOW}.")


def token_of(environment: Mapping[str, str]) -> str:
    """The token by which a cluster is joined, where Ray looks for it and in that order; "" for none."""
    if token := environment.get("RAY_AUTH_TOKEN", "").strip():
        return token
    named = environment.get("RAY_AUTH_TOKEN_PATH", "")
    path = Path(named) if named else Path(environment.get("HOME") or str(Path.home())) / ".ray" / "auth_token"
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return ""


def require_guarded(address: str) -> None:
    """Ask the head of a cluster something without a token, which it must refuse. Nothing of ours is sent.

    Raises:
        SettingsError: It answers, or it cannot be reached.
    """
    grpc = heavy.load("grpc")
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(_PROBE, request_serializer=_as_it_is, response_deserializer=_as_it_is)
        try:
            ask(b"", timeout=_PROBE_SECONDS, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                return
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise SettingsError(
                    f"There is no cluster at {address}; start its head, then try again.", detail=error.code().name
                ) from None
            raise SettingsError(
                f"What answers at {address} is no cluster that asks for a token; see docs/scale.md.",
                detail=error.code().name,
            ) from None
    raise SettingsError(
        f"The cluster at {address} lets in whoever comes; start it anew with RAY_AUTH_MODE=token on each machine."
    )


def require_members(nodes: Sequence[Mapping[str, Any]]) -> None:
    """Let a cluster pass whose machines are all in a private network.

    Args:
        nodes: As `ray.nodes()` tells them.

    Raises:
        SettingsError: One is not.
    """
    for node in nodes:
        if node["Alive"]:
            require_private(node["NodeManagerAddress"])


def _as_it_is(data: bytes) -> bytes:
    return data


def _addresses(host: str) -> list[str]:
    return [str(one[4][0]) for one in socket.getaddrinfo(host, None)]


def environment_of_child() -> dict[str, str]:
    """Of the process that will load Ray: this one's, without what the page alone needs to know."""
    return {name: value for name, value in os.environ.items() if name not in _PAGE_ONLY}

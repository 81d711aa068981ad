"""Which network a request came from, as far as that can be known."""

from __future__ import annotations

import ipaddress

from starlette.requests import HTTPConnection, Request


def client_network(host: str, forwarded: str = "", trusted_proxies: int = 0) -> str:
    """The network that a limit by address counts for; "" where there is none to count for.

    An IPv4 address stands for itself, an IPv6 address for its /64, which is what one household gets. Private and
    loopback addresses are no visitor's: behind them stands a proxy with everybody, or the operator's own network.

    Args:
        host: The address that the connection came from.
        forwarded: The X-Forwarded-For header. Anybody can write one, so it is believed only as far as proxies of the
            operator's own appended to it: the entry that many from the right.
        trusted_proxies: How many such proxies there are.
    """
    if trusted_proxies > 0:
        entries = [entry.strip() for entry in forwarded.split(",") if entry.strip()]
        host = entries[-trusted_proxies] if len(entries) >= trusted_proxies else ""
    try:
        address = ipaddress.ip_address(host.strip("[]").split("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def connection_network(connection: HTTPConnection | None, trusted_proxies: int) -> str:
    """Where a request came from, as far as a limit may count for it; "" where that cannot be told."""
    if connection is None or connection.client is None:
        return ""
    forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
    return client_network(connection.client.host, forwarded, trusted_proxies)


def is_secure(request: Request) -> bool:
    """Whether the browser came by https, to this server or to a proxy in front of it."""
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto", "").startswith("https")

"""Whether a request comes from the person who sits at this machine and runs the app.

An address of 127.0.0.1 proves little: a proxy on this machine has it, too, and stands for everybody (nginx, as it
comes, adds no header that would tell). So the kernel is asked whose the other end of the connection is: it must belong
to the user who runs the app. Only Linux tells that without rights; elsewhere nobody is known by the machine alone.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path

from starlette.requests import Request

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# What proxies, tunnels and gateways add to what they pass on.
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via", "cf-ray")
_NAMES = ("localhost", "127.0.0.1", "[::1]")


def is_at_this_machine(request: Request) -> bool:
    """Whether the browser runs on this machine, as the user who runs the app, and asks without a proxy.

    The name that it asked for must be this machine's own, or a page of a stranger whose name leads to 127.0.0.1 (DNS
    rebinding) could ask in the person's name.
    """
    if request.client is None or any(name in request.headers for name in _PASSED_ON):
        return False
    host = request.headers.get("host", "").lower()
    if (host if host.endswith("]") else host.rpartition(":")[0] or host) not in _NAMES:
        return False
    server = request.scope.get("server")
    if server is None or server[1] is None or sys.platform != "linux":
        return False
    return owner_of((request.client.host, request.client.port), server) == os.getuid()


def owner_of(client: tuple[str, int], server: tuple[str, int], tables: tuple[Path, ...] = _TABLES) -> int | None:
    """The user id behind the other end of a connection from this machine; None where there is none.

    Args:
        client: Address and port of that end; one of the loopback's.
        server: Of this end. The port of a client alone says little: it has the same one for other servers, too.
        tables: What the kernel tells of connections (proc(5), /proc/net/tcp).
    """
    own, ours = _as_written(*client), _as_written(*server)
    for table in tables if own and ours else ():
        try:
            lines = table.read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[1] in own and fields[2] in ours and fields[3] == "01":  # established; the client's own entry
                return int(fields[7])
    return None


def _as_written(host: str, port: int) -> set[str]:
    """An end of a connection as the kernel may write it; none where it is not the loopback's."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return set()
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_loopback:
        return set()
    written = {f"{_in_hex(address)}:{port:04X}"}
    if isinstance(address, ipaddress.IPv4Address):
        written.add(f"{_in_hex(ipaddress.IPv6Address(f'::ffff:{address}'))}:{port:04X}")
    return written


def _in_hex(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """As the kernel writes it: words of four bytes, each in the machine's own order."""
    packed = address.packed
    words = [packed[start : start + 4] for start in range(0, len(packed), 4)]
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)

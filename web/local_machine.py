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
    return owner_of(request.client.host, request.client.port) == os.getuid() if sys.platform == "linux" else False


def owner_of(host: str, port: int, tables: tuple[Path, ...] = _TABLES) -> int | None:
    """The user id behind the other end of a connection from this machine; None where there is none.

    Args:
        host: Its address, one of the loopback's.
        port: Its port.
        tables: What the kernel tells of connections (proc(5), /proc/net/tcp).
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if not address.is_loopback:
        return None
    own = {f"{_in_hex(address)}:{port:04X}"}
    if isinstance(address, ipaddress.IPv4Address):
        own.add(f"{_in_hex(ipaddress.IPv6Address(f'::ffff:{address}'))}:{port:04X}")
    for table in tables:
        try:
            lines = table.read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[1] in own and fields[3] == "01":  # established; its own end, so that the server's does not count
                return int(fields[7])
    return None


def _in_hex(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """As the kernel writes it: words of four bytes, each in the machine's own order."""
    packed = address.packed
    words = [packed[start : start + 4] for start in range(0, len(packed), 4)]
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)

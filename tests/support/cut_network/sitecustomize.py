"""Cuts Python's network in a process that finds this folder on PYTHONPATH: only the loopback is left.

Every attempt is written to the file that NETWORK_LOG names, then fails as it does on a machine without a network.
"""

import errno
import os
import sys

_LOCAL = ("127.", "::1", "localhost", "0.0.0.0", "::ffff:127.")


def _host(event: str, arguments: tuple) -> str | None:
    """Who is asked for; None where it is this machine itself."""
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if not isinstance(address, tuple):  # a socket in the file system
            return None
        host = str(address[0])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0].decode() if isinstance(arguments[0], bytes) else str(arguments[0] or "localhost")
    else:
        return None
    return None if host.startswith(_LOCAL) or host == "" else host


def _hook(event: str, arguments: tuple) -> None:
    host = _host(event, arguments)
    if host is not None:
        with open(os.environ["NETWORK_LOG"], "a") as log:  # noqa: PTH123
            log.write(f"{event} {host}\n")
        raise OSError(errno.ENETUNREACH, "the network is cut")


sys.addaudithook(_hook)

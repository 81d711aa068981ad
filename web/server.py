"""An app on a port, served from a thread of its own: signals stay with the main thread, see web/process.py."""

from __future__ import annotations

import errno
import socket
import threading
import time
from contextlib import ExitStack

import uvicorn
from starlette.types import ASGIApp

_HOST = "127.0.0.1"
_FIRST_PORT = 7860
_PORTS = 100  # looked at one after the other, where none was asked for
_BACKLOG = 2048
_LOOK_UP_SECONDS = 0.01
_CLOSE_SECONDS = 5.0


class Server:
    """Listens at once and answers when this returns.

    Args:
        app: What to serve.
        host: Address or name to listen on; None is this machine only.
        port: Port; None takes the first free one from 7860, 0 any.

    Raises:
        OSError: The port is taken (EADDRINUSE), or there is no such address on this machine.
        RuntimeError: The app did not start; the log says why.
    """

    def __init__(self, app: ASGIApp, host: str | None, port: int | None) -> None:
        name = (host or _HOST).removeprefix("[").removesuffix("]")
        sockets = _listen(name, port)
        shown = "localhost" if name == "0.0.0.0" else f"[{name}]" if ":" in name else name
        self.url = f"http://{shown}:{sockets[0].getsockname()[1]}/"
        # No configuration of logs: what uvicorn says goes to the root's handler, which is discreet.
        # Loop and protocol by name, or uvicorn takes others where an extra brings them: these are what the walls were
        # tested with. Nothing here speaks WebSocket.
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="on",
            proxy_headers=False,  # whom a proxy names is believed as far as TRUSTED_PROXIES says (web/addresses.py)
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": sockets}, name="server", daemon=True
        )
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                for one in sockets:
                    one.close()
                raise RuntimeError("the app did not start")
            time.sleep(_LOOK_UP_SECONDS)

    def close(self) -> None:
        """Stop listening, give open answers a second, and end."""
        self._server.should_exit = True
        self._thread.join(_CLOSE_SECONDS)


def cannot_listen(error: OSError, host: str | None, port: int | None) -> str:
    """One sentence for the operator: why a Server could not be made, and what to do."""
    if host is not None and error.errno not in (errno.EADDRINUSE, errno.EACCES):
        return f"This computer has no address {host}; choose another one with --host."
    return f"Port {port or _FIRST_PORT} is taken; choose another one with --port."


def _listen(host: str, port: int | None) -> list[socket.socket]:
    wanted = [port] if port is not None else range(_FIRST_PORT, _FIRST_PORT + _PORTS)
    for number in wanted:
        try:
            return _listen_on(host, number)
        except OSError as error:
            if port is not None or error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, f"no free port from {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1}")


def _listen_on(host: str, port: int) -> list[socket.socket]:
    """A socket for each address that the host's name stands for, as localhost does for two."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    missing: OSError | None = None
    with ExitStack() as unused:
        sockets: list[socket.socket] = []
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            try:
                one = socket.create_server(address, family=family, backlog=_BACKLOG)
                # What connects inherits it. asyncio sets it only for sockets that it makes itself, and without it each
                # answer waits 40 ms until its headers are acknowledged (Nagle's algorithm, RFC 896, and RFC 1122
                # 4.2.3.2).
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):  # a machine without IPv6
                    raise
                missing = error
            else:
                sockets.append(unused.enter_context(one))
        if missing is not None and not sockets:
            raise missing
        unused.pop_all()
    return sockets

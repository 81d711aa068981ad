"""A cluster on this machine, begun as an operator begins one: its head as a process of its own, below one folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from pipelines import heavy
from pipelines.cluster.link import Link, Setup
from pipelines.settings import Backend, Replicas
from tests.support.site import ROOT, wait_until

TOKEN = "0123456789abcdef" * 4
START_SECONDS = 600.0  # on a machine that is busy with something else
# The embedded checkpoint at a size that takes a fraction of a second, as an operator's own stack.
SMALL = (ROOT / "presets" / "models" / "embedded.toml").read_text("utf-8")
MODEL = "small"


def write_presets(folder: Path) -> Path:
    """The operator's folder, with the stack MODEL, and "endless", which takes very many steps."""
    models = folder / "models"
    models.mkdir(parents=True)
    small = SMALL.replace("size = 1024", "size = 256", 1).replace("working_size = 768", "working_size = 256", 1)
    assert small.count("= 256") == 2
    (models / f"{MODEL}.toml").write_text(small)
    endless = small.replace("num_inference_steps = 2 ", "num_inference_steps = 100 ").replace("rank = 10", "rank = 0")
    (models / "endless.toml").write_text(endless.replace("num_inference_steps = 2\n", "num_inference_steps = 100\n"))
    return folder


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Head:
    """The head of a cluster, with room for four replicas.

    Args:
        mode: RAY_AUTH_MODE of its processes.
    """

    def __init__(self, mode: str = "token") -> None:
        self.root = Path(tempfile.mkdtemp(prefix="rc-"))  # short: sockets lie below it
        self.port = free_port()
        self.settings = {
            "HOME": str(self.root),
            "TMPDIR": str(self.root),
            "RAY_AUTH_MODE": mode,
            "RAY_AUTH_TOKEN": TOKEN,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # all servers on 127.0.0.1
            "RAY_worker_niceness": "0",
            "RAY_SERVE_LOG_TO_STDERR": "0",
            "PYTHONPATH": str(ROOT),
            "STUDIO_PRESETS": str(write_presets(self.root / "presets")),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        }
        self.shared = Path("/dev/shm") / self.root.name
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, or start it once more."""
        words = ["start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={self.port}"]
        words += ["--include-dashboard=false", "--disable-usage-stats", "--num-cpus=4", "--num-gpus=0"]
        words += [f"--temp-dir={self.root}", f"--ray-client-server-port={free_port()}"]
        words += ["--object-store-memory=100000000", "--plasma-directory=/dev/shm"]
        words += [f"--object-spilling-directory={self.shared}"]
        with (self.root / "head.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ray.scripts.scripts", *words],
                env={**os.environ, **self.settings},
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._answers, "the cluster's head did not start", START_SECONDS)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.root / "head.txt").read_text()[-3000:]
        said = (self.root / "head.txt").read_text()
        return said.count("Ray runtime started") > said.count("killed by a test")

    def replicas(self) -> list[int]:
        """Process ids of the replicas."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if "ServeReplica" in " ".join(process.cmdline()):
                    found.append(process.pid)
        return found

    def processes(self) -> list[psutil.Process]:
        """All that belong to it, also those whose parent is dead."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("HOME") == str(self.root):
                    found.append(process)
        return found

    def kill(self) -> None:
        """End it and all its processes at once, as a machine does that loses its power."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        self.process.wait()
        with (self.root / "head.txt").open("a") as log:
            log.write("killed by a test\n")

    def close(self) -> None:
        """End it and clear up."""
        self.kill()
        for folder in (self.root, self.shared):
            until = time.monotonic() + 5.0
            while folder.exists() and time.monotonic() < until:
                shutil.rmtree(folder, ignore_errors=True)


def open_ports(processes: list[psutil.Process]) -> list[int]:
    """Ports on which some of these processes listen for more than this machine."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for one in process.net_connections("tcp"):
                if one.status == psutil.CONN_LISTEN and one.laddr.ip.removeprefix("::ffff:") not in (
                    "127.0.0.1",
                    "::1",
                ):
                    found.append(one.laddr.port)
    return found


def refusal(port: int) -> str:
    """The name of what a server of Serve says to a call without a token."""
    grpc = heavy.load("grpc")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.unary_unary("/ray.serve.ASGIService/HandleRequest", lambda data: data, lambda data: data)
        try:
            ask(b"", timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "nothing"


def setup_of(head: Head, replicas: int = 2) -> Setup:
    """What a studio that joins it is told."""
    return Setup(Backend(head.address), Replicas(replicas, replicas), MODEL)


def joined(head: Head) -> Link:
    """A link to it."""
    link = Link(setup_of(head))
    link.join()
    return link

"""A server in a process of its own: start it, wait for its first answer, read its memory, stop it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import grpc

from benchmarks.callers import execute_rpc

ROOT = Path(__file__).resolve().parent.parent
_SAMPLE_S = 0.02
_ATTEMPT_S = 0.005


class ServerProcess:
    """A running server. A context manager; leaving it stops the process with SIGTERM.

    Attributes:
        address: host:port, on the loopback.
        answered_after_s: from the start of the process to the last answer that ``wait`` returned.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        """Start it.

        Args:
            command: what to run after ``python``; it must listen where OP_ENDPOINT says.
            environ: variables for it, on top of ours less every OP_ variable.
        """
        self.address = f"127.0.0.1:{_free_port()}"
        self.answered_after_s = 0.0
        self._children: dict[int, int] = {}
        self._log = tempfile.TemporaryFile("a+")  # noqa: SIM115 - lives as long as the process
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OP_")}
        self._started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=inherited | dict(environ or {}) | {"OP_ENDPOINT": self.address},
            stdout=self._log,
            stderr=self._log,
        )
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()

    def wait(self, request: bytes, timeout_s: float = 300.0) -> bytes:
        """Send one serialised request as soon as the server listens; its answer, serialised.

        Raises:
            RuntimeError: the process ended or did not answer; holds the end of its log.
        """
        self.wait_for_port(timeout_s)
        with grpc.insecure_channel(self.address) as channel:
            try:
                answer = execute_rpc(channel)(request, timeout=timeout_s)
            except grpc.RpcError as err:
                raise RuntimeError(f"{err}\n{self.log_tail()}") from err
        self.answered_after_s = time.perf_counter() - self._started
        return answer

    def wait_for_port(self, timeout_s: float = 300.0) -> None:
        """Return as soon as the server listens. Raises RuntimeError as ``wait`` does."""
        # With a bare socket: gRPC waits 0.1 s or more between two attempts, which would count as the server's start.
        host, port = self.address.split(":")
        end = time.perf_counter() + timeout_s
        while time.perf_counter() < end and self._process.poll() is None:
            with socket.socket() as attempt:
                if attempt.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(_ATTEMPT_S)
        raise RuntimeError(f"the server does not listen (exit status {self._process.returncode}):\n{self.log_tail()}")

    def log_tail(self) -> str:
        """The last lines that it printed."""
        self._log.seek(0)
        return "".join(self._log.readlines()[-20:])

    def peak_mib(self) -> float:
        """The most memory that was resident at any time since its start (VmHWM)."""
        return _status_kib(self._process.pid, "VmHWM") / 1024

    def resident_mib(self) -> float:
        """The memory that is resident now (VmRSS)."""
        return _status_kib(self._process.pid, "VmRSS") / 1024

    def children_peak_mib(self) -> float:
        """The largest peak of any program that it started, such as one that builds the model; 0 if there was none."""
        return max(self._children.values(), default=0) / 1024

    def _watch(self) -> None:
        """Note the peak of the children while they live: nobody can ask them afterwards."""
        while self._process.poll() is None:
            for child in _children_of(self._process.pid):
                self._children[child] = max(_status_kib(child, "VmHWM"), self._children.get(child, 0))
            time.sleep(_SAMPLE_S)


def _children_of(pid: int) -> list[int]:
    """The programs that a process started; a mere copy of it (fork without exec) shares its memory and is left out."""
    command = _command_of(pid)
    return [child for child in _forks_of(pid) if _command_of(child) != command]


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # the process has ended meanwhile
        return b""


def _forks_of(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in path.read_text().split()]
        except OSError:  # the thread has ended meanwhile
            continue
    return found


def _status_kib(pid: int, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # the process has ended meanwhile
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])

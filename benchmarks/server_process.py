"""Run a server in a separate process: start it, wait for its first answer, read its memory and stop it."""

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
        address: HOST:PORT, on the loopback.
        answered_after_s: seconds from the start of the process to the last answer that ``wait`` returned.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str] | None = None,
        address: str | None = None,
        folder: Path = ROOT,
        stop_s: float = 60.0,
    ) -> None:
        """Start the server.

        Args:
            command: the arguments of ``python``; the server must listen on the address in OP_ENDPOINT.
            environ: variables for the server, in addition to those of this process without OP_ variables.
            address: HOST:PORT on the loopback; None takes a free port.
            folder: of the checkout.
            stop_s: how long it may take to end after SIGTERM, before it is killed.
        """
        self.address = address or f"127.0.0.1:{free_port()}"
        self.answered_after_s, self._stop_s = 0.0, stop_s
        self._children: dict[int, int] = {}
        self._log = tempfile.TemporaryFile("a+")  # noqa: SIM115 - lives as long as the process
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OP_")}
        self._started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
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
            self._process.wait(self._stop_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()

    def wait(self, request: bytes, timeout_s: float = 300.0) -> bytes:
        """Send one serialised request as soon as the server listens, and return its serialised answer.

        Raises:
            RuntimeError: the process ended or did not answer; the message contains the end of its log.
        """
        self.wait_for_port(timeout_s)
        with grpc.insecure_channel(self.address, [("grpc.enable_http_proxy", 0)]) as channel:
            try:
                answer = execute_rpc(channel)(request, timeout=timeout_s)
            except grpc.RpcError as error:
                raise RuntimeError(f"{error}\n{self.log_tail()}") from error
        self.answered_after_s = time.perf_counter() - self._started
        return answer

    def wait_for_port(self, timeout_s: float = 300.0) -> None:
        """Return as soon as the server listens. Raises RuntimeError as ``wait`` does."""
        # A plain socket is used because gRPC waits 0.1 s or more between two attempts, which would be measured, too.
        host, port = self.address.split(":")
        end = time.perf_counter() + timeout_s
        while time.perf_counter() < end and self._process.poll() is None:
            with socket.socket() as attempt:
                if attempt.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(_ATTEMPT_S)
        raise RuntimeError(f"the server does not listen (exit status {self._process.returncode}):\n{self.log_tail()}")

    def log_tail(self) -> str:
        """Return the last 20 lines that the server printed."""
        self._log.seek(0)
        return "".join(self._log.readlines()[-20:])

    def peak_mib(self) -> float:
        """Return the peak of resident memory since the start (VmHWM)."""
        return _status_kib(self._process.pid, "VmHWM") / 1024

    def resident_mib(self) -> float:
        """Return the memory that is resident now (VmRSS)."""
        return _status_kib(self._process.pid, "VmRSS") / 1024

    def children_peak_mib(self) -> float:
        """Return the largest peak of any program that the server started, for example to build the model; else 0."""
        return max(self._children.values(), default=0) / 1024

    def tree_mib(self) -> float:
        """Return the memory of the server and of the processes that it started, shared pages counted once (Pss)."""
        return sum(_kib(f"/proc/{pid}/smaps_rollup", "Pss") for pid in _tree_of(self._process.pid)) / 1024

    def processes(self) -> list[int]:
        """Return the server, and the processes that it started and that still run, by their ids."""
        return _tree_of(self._process.pid)

    def cpu_s(self) -> float:
        """Return the processor time of the server and of the processes that it started and that still run."""
        ticks = sum(_cpu_ticks(pid) for pid in _tree_of(self._process.pid))
        return ticks / os.sysconf("SC_CLK_TCK")

    def _watch(self) -> None:
        """Record the peak memory of child processes while they run, because it cannot be read after they exit."""
        while self._process.poll() is None:
            for child in _children_of(self._process.pid):
                self._children[child] = max(_status_kib(child, "VmHWM"), self._children.get(child, 0))
            time.sleep(_SAMPLE_S)


def _children_of(pid: int) -> list[int]:
    """Return the programs that a process started, without forks that did not exec, because they share its memory."""
    command = _command_of(pid)
    return [child for child in _forks_of(pid) if _command_of(child) != command]


def _tree_of(pid: int) -> list[int]:
    return [pid, *(each for child in _forks_of(pid) for each in _tree_of(child))]


def _cpu_ticks(pid: int) -> int:
    """User and system time of all threads, in clock ticks (proc_pid_stat(5), fields 14 and 15)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # the process has ended meanwhile
        return 0
    return int(fields[11]) + int(fields[12])


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
    return _kib(f"/proc/{pid}/status", field)


def _kib(path: str, field: str) -> int:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:  # the process has ended meanwhile
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])

"""PostgreSQL, RabbitMQ and Redis as Debian installs them, on free ports, with all data in temporary folders.

A test may stop, kill and start them again; the port and the data stay. As root they run as their own users, since
PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

_START_S = 90.0  # RabbitMQ needs six seconds on a quiet machine


class NotInstalled(Exception):
    """A server is not on this machine; the text names the package of Debian."""


def free_port() -> int:
    """A port of the loopback address that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_program(package: str, *places: str) -> str:
    """Return the first of several paths or globs that exists.

    Raises:
        NotInstalled: none does.
    """
    for place in places:
        found = sorted(Path("/").glob(place.lstrip("/")))
        if found:
            return str(found[-1])
    raise NotInstalled(package)


class LocalServer(ABC):
    """One server. A context manager: entering starts it, leaving ends it and removes its data."""

    user = ""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{type(self).__name__.lower()}-"))
        user, group = self._user_and_group()
        if user is not None and group is not None:
            os.chown(self.folder, user, group)
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[str]: ...

    @abstractmethod
    def answers(self) -> bool: ...

    def environment(self) -> Mapping[str, str]:
        return {}

    def __enter__(self) -> LocalServer:
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.clean_up()
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """What is done once, before the first start."""

    def clean_up(self) -> None:  # noqa: B027 - most need nothing
        """What is done once, after the last end."""

    def start(self, wait: bool = True) -> None:
        """Start it, and wait until it answers."""
        self._process = self.popen(self.command())
        if wait:
            self.wait()

    def wait(self) -> None:
        end = time.monotonic() + _START_S
        while not self.answers():
            assert self._process is not None
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, with all of its processes."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Stop all of its processes where they are, so that connections stay open and nobody answers."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)], capture_output=True, check=False
        )
        for pid in [self._process.pid, *map(int, listed.stdout.split())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def popen(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program as the user of this server, in a process group of its own."""
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8", **self.environment()},
                start_new_session=True,
                user=self._user_and_group()[0],
                group=self._user_and_group()[1],
            )

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number) if number == signal.SIGKILL else process.send_signal(number)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)

    def _user_and_group(self) -> tuple[int, int] | tuple[None, None]:
        if os.geteuid() != 0:
            return None, None
        entry = pwd.getpwnam(self.user)
        return entry.pw_uid, entry.pw_gid


class PostgreSQL(LocalServer):
    """A database server. Each test gets a database of its own from ``new_database``."""

    user = "postgres"

    def __init__(self) -> None:
        self._postgres = find_program("postgresql", "/usr/lib/postgresql/*/bin/postgres")
        self._numbers = itertools.count(1)
        super().__init__()

    def command(self) -> Sequence[str]:
        fast = ["-c", "fsync=off", "-c", "max_connections=60"]  # a process that is killed loses nothing of the files
        return [self._postgres, "-D", f"{self.folder}/data", "-h", "127.0.0.1", "-k", "", "-p", str(self.port), *fast]

    def prepare(self) -> None:
        initdb = str(Path(self._postgres).with_name("initdb"))
        options = ["-D", f"{self.folder}/data", "-A", "trust", "-U", "visop", "-E", "UTF8", "--no-sync"]
        assert self.popen([initdb, *options]).wait(_START_S) == 0, self.log()

    def stop(self) -> None:
        """End it now, without waiting until its clients leave."""
        self._end(signal.SIGINT)

    def answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.address("postgres", "postgresql"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def address(self, database: str, scheme: str = "postgresql+psycopg") -> str:
        return f"{scheme}://visop@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database; its URL."""
        import psycopg

        name = f"test{next(self._numbers)}"
        with psycopg.connect(self.address("postgres", "postgresql"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.address(name)


class RabbitMQ(LocalServer):
    """A broker of AMQP, with an epmd of its own, so that it meets no other node of this machine."""

    user = "rabbitmq"

    def __init__(self) -> None:
        self._server = find_program("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server")
        self._epmd_port, self._dist_port = free_port(), free_port()
        self._epmd: subprocess.Popen[bytes] | None = None
        super().__init__()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def command(self) -> Sequence[str]:
        return [self._server]

    def environment(self) -> Mapping[str, str]:
        return {
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": f"{self.folder}/data",
            "RABBITMQ_LOG_BASE": f"{self.folder}/logs",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{self.folder}/plugins",
            "RABBITMQ_CONFIG_FILE": f"{self.folder}/rabbitmq.conf",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def prepare(self) -> None:
        (self.folder / "plugins").write_text("[].")
        (self.folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 1MB\n")
        self._epmd = self.popen([find_program("erlang-base", "/usr/bin/epmd", "/usr/lib/erlang/erts-*/bin/epmd")])

    def clean_up(self) -> None:
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(30)

    def answers(self) -> bool:
        return _answer(self.port, b"AMQP\x00\x00\x09\x01") != b""


class Redis(LocalServer):
    """A broker that keeps nothing over a restart: all messages are lost with it."""

    user = "redis"

    def __init__(self) -> None:
        self._server = find_program("redis-server", "/usr/bin/redis-server")
        super().__init__()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str]:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        return [self._server, *options, "--dir", str(self.folder)]

    def answers(self) -> bool:
        return _answer(self.port, b"PING\r\n").startswith(b"+PONG")


def _answer(port: int, request: bytes) -> bytes:
    """The first bytes that a server answers a request with; none if it does not."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(request)
            return connection.recv(16)
    except OSError:
        return b""

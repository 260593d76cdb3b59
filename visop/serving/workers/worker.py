"""One worker as the front process sees it: its process, what it has in hand, and how it said that it is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import visop
from visop.serving.workers.begun import Begun, begun_memory
from visop.serving.workers.channel import Channel, Sender
from visop.serving.workers.messages import Configure, State
from visop.serving.workers.plan import WorkerShare


class Worker:
    """A process with a model. It is started when this is made.

    Args:
        share: what it has of the machine.
        told: how it is configured.
        silence_s: for how long it may say nothing, in seconds.

    Attributes:
        number: of the worker; those that follow it have the same.
        is_ready: whether it takes calls.
        inputs: how many of them it has in hand.
        calls: the numbers of its calls.
        begun: which of them it has begun with; known when it is gone, too.
        state: what it said last.
    """

    def __init__(self, share: WorkerShare, told: Configure, silence_s: float) -> None:
        self._silence_s = silence_s
        self.number, self.is_ready, self.inputs = share.number, False, 0
        self.calls: set[int] = set()
        self.state = State(None, 0)
        self.started = self._heard = time.monotonic()
        ours, theirs = Pipe()
        memory = begun_memory()
        self.begun = Begun(memory)
        passed = theirs.fileno(), memory
        try:
            self._process = subprocess.Popen(  # noqa: S603 - of this package, no shell
                [sys.executable, "-P", "-m", "visop.serving.workers.worker_process", *map(str, passed)],
                stdin=subprocess.DEVNULL,
                pass_fds=passed,
                env=_environment(share),
                process_group=0,  # Ctrl-C is for the front process, which says when workers end
            )
        finally:
            theirs.close()
            os.close(memory)
        self._channel = Channel(ours)
        self._sender = Sender(self._channel, f"visop-worker-{share.number}")
        self.send(told)

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def send(self, message: Any) -> None:
        """Say something. Does not wait."""
        self._sender.send(message)

    def receive(self) -> Any:
        """Wait for what it says. Raises EOFError or OSError if it is gone."""
        message = self._channel.receive()
        self._heard = time.monotonic()
        return message

    def trouble(self) -> str | None:
        """Why it should get no calls now, or None."""
        if not self.is_ready:
            return f"worker {self.number} is not ready"
        if self.silent_s() > self._silence_s:
            return f"worker {self.number} does not answer"
        return self.state.trouble

    def silent_s(self) -> float:
        """For how long it has said nothing, in seconds."""
        return time.monotonic() - self._heard

    def kill(self) -> None:
        """End its process at once."""
        self._process.kill()

    def wait(self) -> int:
        """Wait for the end of its process; its status, negative for a signal. Call it once nothing is received."""
        status = self._process.wait()
        self._sender.close()
        self._channel.close()
        return status


def _environment(share: WorkerShare) -> dict[str, str]:
    found = str(Path(visop.__file__).parents[1])
    path = os.pathsep.join([found, *filter(None, [os.environ.get("PYTHONPATH")])])
    gpu = {"CUDA_VISIBLE_DEVICES": share.gpu} if share.gpu else {}
    return os.environ | {"PYTHONPATH": path} | gpu

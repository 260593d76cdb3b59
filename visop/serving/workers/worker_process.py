"""The program of a worker: ``python -m visop.serving.workers.worker_process FD MEMORY``.

It has the model and serves the calls that the front process sends over the socket ``FD``; in ``MEMORY`` it marks which
it has begun with. When the front process is gone, it ends at once.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from visop.errors import ModelFailed, VisopError
from visop.serving.logs import configure_logging
from visop.serving.opening import open_here
from visop.serving.watchdog import watched
from visop.serving.workers.begun import Begun
from visop.serving.workers.channel import Channel
from visop.serving.workers.messages import Configure, Failed, Ready
from visop.serving.workers.parent import end_with_parent
from visop.serving.workers.served import served_of
from visop.serving.workers.worker_calls import WorkerCalls
from visop.serving.workers.worker_state import TellState

logger = logging.getLogger("visop")


def main(descriptor: int, memory: int) -> int:
    """Serve until the front process says that it is enough, or is gone; the exit status."""
    end_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):  # the front process stops its workers when their calls are over
        signal.signal(number, signal.SIG_IGN)
    channel = Channel(Connection(descriptor))
    told: Configure = channel.receive()
    sys.path[:] = told.path
    if told.cpus:
        with suppress(OSError, AttributeError):  # one that is gone meanwhile, or a system without
            os.sched_setaffinity(0, told.cpus)
    configure_logging(told.log_level, told.settings.log_format)
    try:
        _serve(channel, Begun(memory), told)
    except VisopError as error:
        channel.send(Failed(error))
        return 1
    except Exception as error:
        logger.exception("worker %d failed", told.number)
        channel.send(Failed(ModelFailed(f"{type(error).__name__}: {error}")))
        return 1
    return 0


def _serve(channel: Channel, begun: Begun, told: Configure) -> None:
    with open_here(told.settings, one_peer=told.one_peer) as (operator, pipeline):
        channel.send(Ready(served_of(operator, gives_parts=pipeline.gives_parts)))
        with watched(pipeline.hangs, told.settings.hang_exit_s), TellState(channel, pipeline):
            WorkerCalls(channel, begun, pipeline).serve()


if __name__ == "__main__":
    status = main(*map(int, sys.argv[1:]))
    logging.shutdown()
    os._exit(status)  # whatever threads the model has left

"""Send requests at a steady rate, whatever becomes of them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import grpc

from benchmarks.callers import execute_rpc

_TIMEOUT_S = 60.0
# Attackers have few connections: what is asked for at once is what counts.
_CHANNELS = 4


def send_steadily(address: str, stop: threading.Event, rate: float, request: Callable[[], bytes]) -> None:
    """Send a new request so many times a second, and hang up at the end."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    channels = [grpc.insecure_channel(address, options) for _ in range(_CHANNELS)]
    started = time.monotonic()
    for number in itertools.count():
        if stop.wait(max(0.0, started + number / rate - time.monotonic())):
            break
        call = execute_rpc(channels[number % _CHANNELS]).future(request(), timeout=_TIMEOUT_S)
        call.add_done_callback(lambda _: None)  # keeps it: a call that nobody refers to is cancelled
    for channel in channels:
        channel.close()

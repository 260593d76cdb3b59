"""Work that says so by its priority lets calls go first for which somebody waits, over gRPC and over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx

from tests.conftest import Running, make_image, wait_until
from tests.toys import ToyOperator
from visop.analyses.remote import Remote
from visop.client import Client
from visop.rpc import rpc_pb2


def test_what_is_done_in_the_background_lets_others_go_first(
    start_both: Callable[..., tuple[Running, httpx.Client]],
) -> None:
    operator, picture = ToyOperator(), make_image()
    server, http = start_both(operator)
    steps: Any = server.pipeline._steps
    waiting, remote = steps._model._waiting, Remote("there", server.address)
    with ThreadPoolExecutor(3) as pool, Client(server.address, background=True) as client:
        operator.gate.clear()
        request = rpc_pb2.ExecuteRequest(images=[picture])
        first = server.stub.Execute.future(request)
        assert operator.entered.acquire(timeout=5)
        files, headers = {"images": picture}, {"Priority": "u=7"}
        bulk: list[Future[Any]] = [
            pool.submit(client.encode, images=[picture]),
            pool.submit(remote.run, [picture], 20, bulk=True),
            pool.submit(http.post, "/v1/execute", files=files, headers=headers),
        ]
        wait_until(lambda: len(waiting) == 3)
        called = server.stub.Execute.future(request)
        wait_until(lambda: len(waiting) == 4)
        assert waiting.first == 1
        operator.gate.set()
        assert [call.result(5).nums for call in (first, called)] == [1, 1]
        assert all(call.result(5) is not None for call in bulk)
    remote.close()

"""Real processes behind one port. One pair of them serves all tests that leave it as they found it."""

from __future__ import annotations

import io
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from PIL import Image as PILImage

from tests.conftest import make_image
from tests.serving.test_lifecycle import serving as server_process
from tests.serving.workers.serving import SHARES, Fleet, serving, settings_of, wait_until
from tests.serving.workers.telling import BROKEN, killing, sleeping, worker_of
from visop.detection import Found
from visop.errors import InvalidInput, ModelFailed, SettingsError, VisopError
from visop.http.server import HttpServer
from visop.rpc import rpc_pb2, rpc_pb2_grpc
from visop.serving.lifecycle import open_pipeline
from visop.serving.pipeline import Input
from visop.serving.workers.restarts import Restarts
from visop.serving.workers.workers import Workers

pytestmark = pytest.mark.slow

PICTURE = make_image()
TELLING = "tests.serving.workers.telling:Telling"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with serving([HttpServer], http_endpoint="127.0.0.1:0") as found:
        yield found


@pytest.fixture(scope="module")
def web(fleet: Fleet) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{fleet.server.companion_addresses['http']}", timeout=20) as client:
        yield client


def test_calls_that_come_one_by_one_are_served_by_each_worker_in_turn(fleet: Fleet) -> None:
    served = [fleet.served_by(PICTURE) for _ in range(6)]
    assert set.union(*served) == set(fleet.processes)
    assert all(one.isdisjoint(next_one) for one, next_one in pairwise(served))


def test_while_one_worker_is_slow_the_other_one_serves(fleet: Fleet) -> None:
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(fleet.served_by, sleeping(2.0))
        wait_until(lambda: fleet.pipeline.inside == 1)
        served = Counter(next(iter(fleet.served_by(PICTURE))) for _ in range(8))
        assert not slow.done()
        assert served.keys().isdisjoint(slow.result())
        assert served.total() == 8


def test_errors_are_those_of_a_process_that_serves_alone(fleet: Fleet) -> None:
    with pytest.raises(grpc.RpcError, match=r"images\[1\]: not an image") as caught:
        fleet.served_by(PICTURE, b"text")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    reply = fleet.stub.Execute(rpc_pb2.ExecuteRequest(images=[PICTURE, b"text"], partial=True))
    assert [status.code for status in reply.statuses] == [0, 3]


def test_an_answer_says_where_its_time_went(fleet: Fleet) -> None:
    _, call = fleet.stub.Execute.with_call(rpc_pb2.ExecuteRequest(images=[PICTURE]))
    timing = dict(call.trailing_metadata())["server-timing"]
    assert re.findall(r"(\w+);dur=", str(timing))[:4] == ["decode", "preprocess", "queue", "model"]


def test_a_stream_is_answered_in_order_by_all_workers(fleet: Fleet) -> None:
    requests = [rpc_pb2.ExecuteRequest(images=[PICTURE] * (number % 3 + 1)) for number in range(20)]
    replies = list(fleet.stub.ExecuteStream(iter(requests), timeout=30))
    assert [reply.nums for reply in replies] == [len(request.images) for request in requests]
    assert {worker_of(each.element) for reply in replies for each in reply.vectors} == set(fleet.processes)


def test_a_big_message_comes_through(fleet: Fleet) -> None:
    noise = PILImage.fromarray(np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8))
    file = io.BytesIO()
    noise.save(file, "BMP")
    assert len(fleet.served_by(*[file.getvalue()] * 4)) == 1


def test_urls_are_fetched_by_workers(fleet: Fleet, picture_server: str) -> None:
    reply = fleet.stub.Execute(rpc_pb2.ExecuteRequest(urls=[f"{picture_server}/1-2-3.png"]))
    assert worker_of(reply.vectors[0].element) in fleet.processes


def test_a_deadline_reaches_the_model(fleet: Fleet, web: httpx.Client) -> None:
    before = metric(web, 'visop_dropped_before_model_total{model="encoder"}')
    with ThreadPoolExecutor() as threads:
        busy = [threads.submit(fleet.served_by, sleeping(1.5)) for _ in range(2)]
        wait_until(lambda: fleet.pipeline.inside == 2)
        with pytest.raises(grpc.RpcError) as caught:
            fleet.stub.Execute(rpc_pb2.ExecuteRequest(images=[PICTURE]), timeout=0.3)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert all(each.result() for each in busy)
    wait_until(lambda: metric(web, 'visop_dropped_before_model_total{model="encoder"}') == before + 1)


def test_a_call_that_is_cancelled_leaves_the_worker_at_once(fleet: Fleet) -> None:
    with ThreadPoolExecutor() as threads:
        busy = [threads.submit(fleet.served_by, sleeping(1.5)) for _ in range(2)]
        wait_until(lambda: fleet.pipeline.inside == 2)
        call = fleet.stub.Execute.future(rpc_pb2.ExecuteRequest(images=[PICTURE] * 3))
        wait_until(lambda: fleet.pipeline.inside == 5)
        call.cancel()
        wait_until(lambda: fleet.pipeline.inside == 2)
        assert not any(each.done() for each in busy)
        assert all(each.result() for each in busy)


def test_http_has_the_same_workers_and_says_so(fleet: Fleet, web: httpx.Client) -> None:
    vectors = [web.post("/v1/execute", files={"images": PICTURE}).json()["vectors"][0]["element"] for _ in range(4)]
    assert {worker_of(each) for each in vectors} == set(fleet.processes)
    assert web.get("/readyz").json() == {"status": "ready", "workers": "2 of 2"}
    assert web.get("/v1/identity").json()["workers"] == 2


def test_metrics_sum_up_what_the_workers_did(fleet: Fleet, web: httpx.Client) -> None:
    before = metric(web, 'visop_batch_size_count{model="encoder"}')
    for _ in range(4):
        fleet.served_by(PICTURE)
    wait_until(lambda: metric(web, 'visop_batch_size_count{model="encoder"}') >= before + 4)
    assert metric(web, 'visop_workers{state="ready"}') == 2
    assert metric(web, 'visop_worker_resident_bytes{worker="1"}') > 1e6
    assert metric(web, 'visop_worker_items_in_flight{worker="0"}') == 0
    assert metric(web, 'visop_stage_seconds_count{stage="model"}') > 0


def metric(web: httpx.Client, name: str) -> float:
    lines = [line for line in web.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


def test_whoever_wants_to_see_a_picture_sees_it(fleet: Fleet) -> None:
    seen: list[object] = []
    given = Input("images[0]", PICTURE, look=lambda image: seen.append(image.shape), take=seen.append)
    boxes = replace(given, boxes=lambda size: [(0, 0, *size), (1.0, 2.0, 3.0, 4.0)])
    [found] = fleet.pipeline.start([boxes]).results()
    assert seen == [PICTURE, (12, 16, 3)]
    assert isinstance(found, Found)
    assert [part.detection.box for part in found.parts] == [(0, 0, 16, 12), (1.0, 2.0, 3.0, 4.0)]


def test_what_is_raised_on_a_picture_that_is_seen_is_its_error(fleet: Fleet) -> None:
    def refuse(_: object) -> None:
        raise InvalidInput("not this one")

    [error, _] = fleet.pipeline.start([Input("images[0]", PICTURE, look=refuse), Input("images[1]", PICTURE)]).results()
    assert str(error) == "not this one"


def test_a_worker_that_is_killed_fails_only_its_own_calls_and_is_replaced(fleet: Fleet) -> None:
    with ThreadPoolExecutor(8) as threads:
        busy = [threads.submit(fleet.served_by, sleeping(2.0)) for _ in range(2)]
        wait_until(lambda: fleet.begun == 2)
        waiting = [threads.submit(fleet.served_by, PICTURE) for _ in range(4)]
        wait_until(lambda: fleet.pipeline.inside == 6)
        killed, other = fleet.processes
        os.kill(killed, signal.SIGKILL)
        outcomes = Counter(outcome(each) for each in (*busy, *waiting))
        assert set(outcomes) == {"OK", "UNAVAILABLE"}
        assert outcomes["UNAVAILABLE"] <= 3  # what the killed one had decoded; the rest went to the other one
        assert killed not in fleet.served_by(PICTURE)
        wait_until(lambda: len(fleet.processes) == 2)
        assert killed not in fleet.processes
        assert other in fleet.processes
        assert fleet.pipeline.trouble() is None
        wait_until(lambda: fleet.pipeline.inside == 0)


def test_a_picture_that_ends_its_worker_is_not_tried_with_another_one(fleet: Fleet) -> None:
    before = fleet.processes
    with pytest.raises(grpc.RpcError, match=r"worker [01], which had this call, ended") as caught:
        fleet.served_by(killing())
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(set(fleet.processes) & set(before)) == 1
    assert fleet.served_by(PICTURE) <= set(before)
    wait_until(lambda: len(fleet.processes) == 2)


def outcome(call: object) -> str:
    try:
        call.result()  # type: ignore[attr-defined]
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def test_a_worker_that_does_not_answer_gets_no_calls_and_is_killed_in_the_end() -> None:
    with serving(restarts=Restarts(silence_s=2.0), hang_exit_s=3.0) as fleet:
        stopped, other = fleet.processes
        os.kill(stopped, signal.SIGSTOP)
        wait_until(lambda: fleet.workers.dispatch.ready == 1)
        assert [fleet.served_by(PICTURE) for _ in range(3)] == [{other}] * 3
        assert fleet.pipeline.trouble() is None
        wait_until(lambda: fleet.workers.dispatch.ready == 2)


def test_workers_that_cannot_start_again_end_the_front_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, ended = tmp_path / "broken", threading.Event()
    monkeypatch.setenv(BROKEN, str(broken))
    restarts = Restarts(first_s=0.01, most=1, end=lambda _: ended.set())
    with Workers(SHARES[:1], settings_of(), restarts=restarts) as workers:
        broken.touch()
        for pid in [each.pid for each in workers.dispatch.workers]:
            os.kill(pid, signal.SIGKILL)
        assert ended.wait(60)
        assert workers.dispatch.trouble() is not None


def test_what_is_wrong_at_the_start_is_told_as_by_a_process_that_serves_alone() -> None:
    with (
        pytest.raises(SettingsError, match="OP_OPERATOR=nothing:There: there is no such module:Class"),
        open_pipeline(settings_of(operator="nothing:There")),
    ):
        pass


def test_a_check_of_the_kind_of_operator_ends_the_workers() -> None:
    def refuse(_: object) -> None:
        raise VisopError("another kind is wanted")

    with pytest.raises(VisopError, match="another kind is wanted"), open_pipeline(settings_of(), check=refuse):
        pass


def test_sigterm_under_load_answers_every_accepted_call() -> None:
    with server_process(OP_WORKERS="2", OP_OPERATOR=TELLING) as (process, channel):
        stub, outcomes = rpc_pb2_grpc.OperatorStub(channel), Counter[str]()

        def load() -> None:
            while True:
                try:
                    stub.Execute(rpc_pb2.ExecuteRequest(images=[PICTURE] * 4), timeout=20)
                    outcomes["OK"] += 1
                except grpc.RpcError as error:
                    outcomes[error.code().name] += 1
                    return

        threads = [threading.Thread(target=load) for _ in range(6)]
        for thread in threads:
            thread.start()
        process.wait_for("code=OK")
        process.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
        assert process.finish() == 0
    assert set(outcomes) == {"OK", "UNAVAILABLE"}
    assert outcomes["UNAVAILABLE"] == 6
    assert "has not been served" not in "".join(process.lines)


def test_no_worker_outlives_a_front_process_that_is_killed() -> None:
    with server_process(OP_WORKERS="2", OP_OPERATOR=TELLING) as (process, channel):
        if "worker 1 is ready" not in "".join(process.lines):
            process.wait_for("worker 1 is ready")
        stub = rpc_pb2_grpc.OperatorStub(channel)
        replies = [stub.Execute(rpc_pb2.ExecuteRequest(images=[PICTURE]), timeout=30) for _ in range(2)]
        processes = {worker_of(reply.vectors[0].element) for reply in replies}
        assert len(processes) == 2
        process.process.kill()
        process.process.wait()
        wait_until(lambda: not any(map(runs, processes)))


def runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except OSError:
        return False


def test_a_worker_of_which_nothing_can_be_read_is_ended() -> None:
    operator = "tests.serving.workers.telling:SaysUnreadable"
    with pytest.raises(ModelFailed) as caught, open_pipeline(settings_of(operator=operator)):
        pass
    assert caught.value.detail == "what it says cannot be read: cannot be read"

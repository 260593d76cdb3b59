"""What is queued, and what webhooks are told, in the trace of the request that asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_scene, wait_until
from tests.in_thread import serving_in_thread

Traced = Callable[..., AbstractContextManager[Any]]

SCENE = make_scene({(200, 0, 0): (10, 5, 20, 10)})
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CONTEXT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
OTHER = {"traceparent": f"00-{'7' * 32}-{PARENT}-01"}


@pytest.fixture
def service(tmp_path: Path) -> Callable[[], AbstractContextManager[Any]]:
    pytest.importorskip("sqlalchemy")
    from tests.analyses.service import serving

    return lambda: serving(tmp_path)


Service = Callable[[], AbstractContextManager[Any]]


@contextmanager
def told() -> Iterator[tuple[str, list[Any]]]:
    """A webhook, and the headers that it gets."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.headers)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with serving_in_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}/hook?token=secret", seen


def test_a_picture_that_is_analysed_at_once_is_one_trace(traced: Traced, service: Service) -> None:
    with traced() as collector, service() as served:
        served.web.post("/analyses", files={"image": ("a.png", SCENE)}, headers=CONTEXT).raise_for_status()
    request = collector.one("POST /analyses")
    assert (request.trace, request.parent) == (TRACE, PARENT)
    tree = collector.tree(request)
    assert {"receive", "database", "analyse"} <= tree.keys()
    assert {"decode", "queue", "model"} <= tree["analyse"].keys()
    assert collector.one("analyse").attributes["visop.operator"] == "colours"
    assert collector.named("database")[0].attributes["db.system.name"] == "sqlite"


def test_what_is_queued_is_done_in_the_trace_of_its_request_and_so_is_its_webhook(
    traced: Traced, service: Service
) -> None:
    with told() as (url, seen), traced() as collector, service() as served:
        headers = {**CONTEXT, "Prefer": "respond-async"}
        answer = served.web.post("/analyses", files={"image": SCENE}, data={"webhook": url}, headers=headers)
        assert answer.status_code == 202, answer.text
        wait_until(lambda: bool(seen))
    request, work = collector.one("POST /analyses"), collector.one("process analyses")
    assert (work.trace, work.parent, work.kind) == (TRACE, request.id, "consumer")
    assert work.attributes["messaging.batch.message_count"] == 1
    assert {"decode", "model"} <= collector.tree(work)["analyse"].keys()
    call = collector.one("POST webhook")
    assert (call.trace, call.parent, call.kind) == (TRACE, request.id, "client")
    assert seen[0]["traceparent"] == f"00-{TRACE}-{call.id}-01"
    assert not any(b"secret" in sent for sent in collector.raw)


def test_a_job_is_worked_on_in_the_trace_of_its_request(traced: Traced, service: Service) -> None:
    with traced() as collector, service() as served:
        files = [("image", (f"{number}.png", SCENE)) for number in range(3)]
        id_ = served.web.post("/jobs", files=files, headers=CONTEXT).raise_for_status().json()["id"]
        wait_until(lambda: served.web.get(f"/jobs/{id_}").json()["state"] == "done")
    request, works = collector.one("POST /jobs"), collector.named("process analyses")
    assert {(each.trace, each.parent) for each in works} == {(TRACE, request.id)}
    assert sum(each.attributes["messaging.batch.message_count"] for each in works) == 3


def test_work_for_several_requests_is_a_trace_that_links_to_each_and_each_to_it(traced: Traced) -> None:
    models, traces = pytest.importorskip("visop.analyses.models"), pytest.importorskip("visop.analyses.traces")
    analyses = [models.Analysis(trace=trace) for trace in (CONTEXT, OTHER, CONTEXT, None)]
    with traced() as collector, traces.traced_work(None, analyses):
        pass
    [work] = [each for each in collector.spans if not each.parent]
    assert sorted(work.links) == [(TRACE, PARENT), ("7" * 32, PARENT)]
    of_requests = [each for each in collector.spans if each.parent]
    assert sorted(each.trace for each in of_requests) == [TRACE, "7" * 32]
    assert all(each.links == [(work.trace, work.id)] for each in of_requests)


def test_the_later_pictures_of_a_large_job_are_in_traces_of_their_own(traced: Traced, tmp_path: Path) -> None:
    models, traces = pytest.importorskip("visop.analyses.models"), pytest.importorskip("visop.analyses.traces")
    from visop.analyses.database import Database

    with Database(str(tmp_path / "records.db")) as database:
        database.migrate()
        with database.session() as session:
            session.add(models.Job(operators=["a"], source={}, priority=10, state="running", trace=CONTEXT))
        with traced() as collector:
            for first in (traces.MOST_OF_JOB - 1, traces.MOST_OF_JOB):
                with traces.traced_work(database, [models.Analysis(job_id=1, item=first)]):
                    pass
    inside, outside = collector.named("process analyses")
    assert (inside.trace, inside.parent, inside.links) == (TRACE, PARENT, [])
    assert outside.trace != TRACE
    assert (outside.parent, outside.links) == ("", [(TRACE, PARENT)])

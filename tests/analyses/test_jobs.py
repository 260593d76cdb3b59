"""Jobs over HTTP, by the threads of a service: no broker, one small operator."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_image, wait_until
from tests.in_thread import serving_in_thread
from visop.analyses.form_body import form_body
from visop.analyses.opening import OperatorChoice
from visop.analyses.service import ServiceOptions, http_of, open_service
from visop.analyses.service_client import ServiceClient
from visop.errors import NotAllowed, RemoteError
from visop.settings import Settings

_MEANS = """\
import numpy as np
import visop

class Means(visop.Encoder):
    name, dimension = "means", 4
    def infer(self, images):
        return np.stack([np.append(image.mean((0, 1)) / 255, 1.0) for image in images]).astype(np.float32)
"""
_SECRET = "whsec_" + base64.b64encode(b"a secret of a test").decode()

_told: list[tuple[dict[str, str], bytes]] = []


class _Webhook(BaseHTTPRequestHandler):
    """Takes every call."""

    def do_POST(self) -> None:
        _told.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[ServiceClient]:
    (folder / "means_of_jobs.py").write_text(_MEANS)
    settings = Settings(http_endpoint="127.0.0.1:0", fetch_allow=("127.0.0.1",))
    choice = OperatorChoice("means", path="means_of_jobs:Means")
    options = ServiceOptions(
        str(folder / "records.db"), operators=[choice], folders=[str(folder / "pictures")], webhook_secret=_SECRET
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        with (
            open_service(options, settings) as opened,
            http_of(opened, settings) as address,
            ServiceClient(f"http://{address}") as client,
        ):
            yield client


def picture(number: int) -> bytes:
    return make_image((number, 2 * number, 9))


def send(service: ServiceClient, path: str, files: Sequence[tuple[str, bytes]], **fields: str) -> Any:
    body, kind = form_body(fields, [("image", name, data) for name, data in files])
    return service.call("POST", path, body=body, headers={"Content-Type": kind})


def end_of(service: ServiceClient, job: dict[str, Any]) -> dict[str, Any]:
    """What the job is in its last event."""
    *_, last = service.follow(f"jobs/{job['id']}", "job")
    return last


def test_files_of_a_form_are_a_job_with_counts_errors_and_results(service: ServiceClient) -> None:
    files = [(f"{number}.png", picture(number)) for number in range(5)]
    job = end_of(service, send(service, "jobs", [*files, ("bad.png", b"no picture")], name="some"))
    assert (job["state"], job["name"], job["total"]) == ("done", "some", 6)
    assert (job["counts"]["done"], job["counts"]["failed"]) == (5, 1)
    assert [each["count"] for each in job["errors"]] == [1]
    lines = b"".join(service.stream(f"jobs/{job['id']}/results", "application/x-ndjson")).splitlines()
    assert [json.loads(line)["source"] for line in lines] == [*(name for name, _ in files), "bad.png"]
    parquet = pytest.importorskip("pyarrow.parquet")
    data = b"".join(service.stream(f"jobs/{job['id']}/results", "*/*", format="parquet", state="done"))
    table = parquet.read_table(io.BytesIO(data))
    assert table.column("item").to_pylist() == list(range(5))
    assert len(table.column("vector")[0]) == 4


def test_what_failed_is_tried_again(service: ServiceClient) -> None:
    job = end_of(service, send(service, "jobs", [("bad.png", b"no picture")]))
    assert service.call("PATCH", f"jobs/{job['id']}", {"retry": "failed"})["counts"]["failed"] == 0
    assert end_of(service, job)["counts"]["failed"] == 1


def test_pictures_sent_twice_to_an_open_job_are_there_once(service: ServiceClient) -> None:
    job = service.call("POST", "jobs", {"source": {"kind": "upload"}})
    for _ in range(2):
        added = send(service, f"jobs/{job['id']}/pictures", [(f"{n}.png", picture(n)) for n in range(3)], first="0")
        assert added == {"added": 3, "total": 3}
    service.call("PATCH", f"jobs/{job['id']}", {"complete": True})
    assert end_of(service, job)["counts"]["done"] == 3
    with pytest.raises(RemoteError, match="takes no more pictures"):
        send(service, f"jobs/{job['id']}/pictures", [("x.png", picture(9))])


def test_a_folder_is_read_only_if_it_is_allowed(service: ServiceClient, folder: Path) -> None:
    (folder / "pictures" / "below").mkdir(parents=True)
    for number in range(3):
        (folder / "pictures" / "below" / f"{number}.png").write_bytes(picture(number))
    (folder / "pictures" / "out").symlink_to(folder)
    source = {"kind": "folder", "path": str(folder / "pictures")}
    job = end_of(service, service.call("POST", "jobs", {"source": source}))
    assert (job["total"], job["counts"]["done"]) == (3, 3)
    for path in (folder, folder / "pictures" / "..", folder / "pictures" / "out"):
        with pytest.raises((NotAllowed, RemoteError), match="VISOP_FOLDERS"):
            service.call("POST", "jobs", {"source": {"kind": "folder", "path": str(path)}})


def test_addresses_that_are_not_public_are_errors_of_their_items(service: ServiceClient) -> None:
    source = {"kind": "urls", "urls": ["http://10.0.0.1/a.png", "http://192.168.1.1/b.png"]}
    job = end_of(service, service.call("POST", "jobs", {"source": source}))
    assert (job["counts"]["failed"], job["errors"][0]["count"]) == (2, 2)


def test_a_job_is_paused_resumed_and_cancelled(service: ServiceClient) -> None:
    job = service.call("POST", "jobs", {"source": {"kind": "upload"}})
    assert service.call("PATCH", f"jobs/{job['id']}", {"state": "paused"})["state"] == "paused"
    send(service, f"jobs/{job['id']}/pictures", [("a.png", picture(1))])
    assert service.get("queue")["queued"] == 0  # those of paused jobs wait for nobody
    assert service.get(f"jobs/{job['id']}")["counts"]["queued"] == 1
    assert service.call("PATCH", f"jobs/{job['id']}", {"state": "cancelled"})["counts"]["cancelled"] == 1
    with pytest.raises(RemoteError, match="is cancelled"):
        service.call("PATCH", f"jobs/{job['id']}", {"state": "queued"})


def test_the_same_key_is_the_same_job(service: ServiceClient) -> None:
    headers = {"Idempotency-Key": "once"}
    first, second = (
        service.call("POST", "jobs", {"source": {"kind": "upload"}}, headers=headers)["id"] for _ in range(2)
    )
    assert first == second


def test_the_key_of_a_job_is_not_that_of_other_pictures(service: ServiceClient) -> None:
    headers = {"Idempotency-Key": "urls"}
    urls = [{"source": {"kind": "urls", "urls": [f"http://10.0.0.1/{name}.png"]}} for name in "ab"]
    first = service.call("POST", "jobs", urls[0], headers=headers)
    end_of(service, first)  # what was listed is not in the source any more
    assert service.call("POST", "jobs", urls[0], headers=headers)["id"] == first["id"]
    with pytest.raises(RemoteError, match="another request"):
        service.call("POST", "jobs", urls[1], headers=headers)


def test_a_webhook_is_told_of_the_end_by_a_signed_call(service: ServiceClient) -> None:
    with serving_in_thread(ThreadingHTTPServer(("127.0.0.1", 0), _Webhook)) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/done"
        job = send(service, "jobs", [("a.png", picture(3))], webhook=url)
        wait_until(lambda: bool(_told))
    headers, body = _told[0]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(b"a secret of a test", content, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    told = json.loads(body)
    assert (told["type"], told["data"]["id"], told["data"]["counts"]["done"]) == ("job.done", job["id"], 1)

"""The interface of the original engine: a client of its documentation, a real server, and real operators."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import httpx
import numpy as np
import pytest

from tests.conftest import make_image, make_scene, picture_file, running, unit, wait_until
from tests.engine_client import EngineClient, given
from tests.serving.test_remote import Original, stub
from tests.toys import RAISES, ToyOperator, ToyProcessor
from tests.web.conftest import open_test_site
from visop.contract import Image
from visop.detection import Detection

RED, GREEN, BLUE, TEAL = (200, 30, 40), (30, 190, 50), (30, 40, 210), (20, 160, 170)
GREY = (128, 128, 128)


class OtherEncoder(ToyOperator):
    """The colours the other way round."""

    name = "toy-reversed"
    fingerprint = "toy-reversed-1"

    def preprocess(self, image: Any) -> Any:
        return super().preprocess(image)[::-1]


class LowerRight(ToyProcessor):
    """Finds a quarter of each picture."""

    name = "lower-right"

    def infer(self, batch: Sequence[Image]) -> Sequence[Any]:
        return [[] for _ in batch]

    def postprocess(self, raw: Any, image_size: tuple[int, int]) -> list[Detection]:
        width, height = image_size[0] / 2, image_size[1] / 2
        return [Detection((width, height, width, height), score=0.5)]


@contextmanager
def open_engine_site(home: Path, **options: Any) -> Iterator[EngineClient]:
    """A site that serves the interface, with nothing in it but what an earlier one left in the folder."""
    with open_test_site(home, 0, options={"engine": home / "engine"} | options) as site:
        engine = EngineClient(str(site.web.base_url.netloc, "ascii"))
        with engine.http:
            yield engine


@pytest.fixture(scope="module")
def operators() -> Iterator[tuple[str, str, str]]:
    """The addresses of an encoder, another one, and a processor."""
    with running() as one, running(OtherEncoder()) as other, running(ToyProcessor()) as processor:
        yield one.address, other.address, processor.address


@pytest.fixture(scope="module")
def engine(operators: tuple[str, str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    """With pipelines ``plain``, ``reversed`` and ``objects``."""
    with open_engine_site(tmp_path_factory.mktemp("engine")) as engine:
        add_pipelines(engine, operators)
        yield engine


def add_pipelines(engine: EngineClient, operators: tuple[str, str, str]) -> None:
    for name, addr, kind in zip(
        ("toy", "other", "colours"), operators, ("encoder", "encoder", "processor"), strict=True
    ):
        engine.register(name, addr, kind)
    engine.pipeline("plain", "toy")
    engine.pipeline("reversed", "other")
    engine.pipeline("objects", "toy", "colours")


@pytest.fixture
def application(engine: EngineClient, request: pytest.FixtureRequest) -> Iterator[Callable[..., str]]:
    """Make an application that goes with the test."""
    made: list[str] = []

    def make(**fields: Any) -> str:
        name = f"app{len(made)}"
        engine.application(name, f"bucket-{len(made)}", **fields or {"image": "plain"})
        made.append(name)
        return name

    yield make
    for name in made:
        engine.http.request("DELETE", f"/application/{name}", json={"force": True})


def close(found: Any, *colours: tuple[int, int, int]) -> bool:
    return np.allclose(found, [unit(each) for each in colours], atol=0.01)


def test_the_whole_cycle_as_the_documentation_goes_through_it(
    operators: tuple[str, str, str], picture_server: str, tmp_path: Path
) -> None:
    encoder, _, processor = operators
    with open_engine_site(tmp_path) as engine:
        assert engine.register("toy", encoder, "encoder")["addr"] == encoder
        engine.register("colours", processor, "processor")
        assert [each["name"] for each in engine.call("GET", "/operator/")] == ["toy", "colours"]
        made = engine.pipeline("objects", "toy", "colours")
        assert (made["name"], made["encoder"]["operator"]["name"]) == ("objects", "toy")
        assert [each["instance"]["endpoint"] for each in made["processors"]] == [processor]
        scene = make_scene({RED: (4, 4, 20, 20), BLUE: (30, 8, 20, 30)})
        found = engine.call("POST", "/pipeline/objects/test", given(image=scene)["image"])
        assert close(found["result"], BLUE, RED)  # the larger one is the more certain
        told = engine.application("art", "art-bucket", image="objects")
        assert (told["name"], told["fields"]["image"]["value"], told["bucket"]) == ("art", "objects", "art-bucket")
        first = engine.upload("art", image=scene)
        second = engine.upload("art", image=f"{picture_server}/30-190-50.png")
    with open_engine_site(tmp_path) as engine:  # after a restart
        assert engine.call("GET", "/application/art")["metadata"] == told["metadata"]
        assert engine.call("GET", "/application/art/entity/count") == 2
        listed = engine.call("GET", "/application/art/entity?num=10&page=0")
        assert [each["_id"] for each in listed] == [first["_id"], second["_id"]]
        assert [len(each["_docs"]["image"]["ids"]) for each in listed] == [2, 1]
        assert httpx.get(listed[0]["_docs"]["image"]["url"]).content == scene
        assert engine.search("art", 1, image=make_scene({RED: (0, 0, 9, 9)}, background=BLUE)) == [first["_id"]]
        assert engine.error("DELETE", "/application/art") == (400, "RequestError")
        assert engine.call("DELETE", f"/application/art/entity/{first['_id']}")["_id"] == first["_id"]
        assert httpx.get(listed[0]["_docs"]["image"]["url"]).status_code == 404
        assert engine.search("art", image=scene) == [second["_id"]]
        assert engine.call("DELETE", "/application/art", {"force": True})["name"] == "art"
        assert engine.call("GET", "/application/") == []
        assert engine.call("DELETE", "/pipeline/objects")["name"] == "objects"
        assert engine.call("DELETE", "/operator/toy")["name"] == "toy"
        assert list((tmp_path / "engine" / "pictures" / "art-bucket").iterdir()) == []


@pytest.mark.slow
def test_pictures_are_kept_in_object_storage_where_originals_are(tmp_path: Path) -> None:
    with open_engine_site(tmp_path, keep_originals="memory://pictures/here") as engine:
        engine.register("own", "visop", "encoder")
        engine.pipeline("plain", "own")
        engine.application("art", "art-bucket", image="plain")
        entity = engine.upload("art", image=picture_file(RED))
        assert httpx.get(entity["_docs"]["image"]["url"]).content == picture_file(RED)
        files = fsspec.filesystem("memory")
        assert any(each.startswith("/pictures/here/art-bucket/art_image_") for each in files.find("memory://pictures"))
        engine.call("DELETE", "/application/art", {"force": True})
        assert files.find("memory://pictures/here/art-bucket") == []


def test_search_by_each_mode_of_the_parts_of_a_picture(engine: EngineClient, application: Callable[..., str]) -> None:
    name = application(image="objects")
    red, blue = (engine.upload(name, image=make_scene({each: (4, 4, 20, 20)}))["_id"] for each in (RED, BLUE))
    # The part that is found first is nearly blue; the nearest pair of all is that of the red part.
    scene = make_scene({(35, 45, 205): (0, 0, 40, 40), RED: (44, 0, 10, 10)})
    found = {
        mode: engine.search(name, image=given(image=scene)["image"] | {"inner_field_score_mode": mode})
        for mode in ("first", "distance_first", "avg", "random", "avg-select", "random-select")
    }
    assert found["first"] == found["avg"] == found["avg-select"] == [blue, red]
    assert found["distance_first"] == [red, blue]
    assert sorted(found["random"]) == sorted(found["random-select"]) == sorted([red, blue])
    one = engine.search(name, 1, image=given(image=scene)["image"] | {"inner_field_score_mode": "avg"})
    assert one == [blue]


def test_two_fields_of_pictures_count_together_by_weight(engine: EngineClient, application: Callable[..., str]) -> None:
    name = application(front="plain", back="reversed")
    both = {"red": (RED, BLUE), "green": (GREEN, RED), "blue": (BLUE, GREEN)}
    ids = {
        engine.upload(name, front=picture_file(front), back=picture_file(back))["_id"]: each
        for each, (front, back) in both.items()
    }

    def search(mode: str, weight: float) -> list[str]:
        front = given(front=picture_file(RED))["front"]
        back = given(back=picture_file(RED))["back"] | {"weight": weight, "decay_function": "linear"}
        return [ids[each] for each in engine.search(name, 3, mode, front=front, back=back)]

    assert search("first", 9)[0] == "red"
    for mode in ("sum", "max", "avg"):
        assert (search(mode, 9)[0], search(mode, 0.1)[0]) == ("green", "red"), mode
    assert {tuple(sorted(search(mode, 1))) for mode in ("min", "multiple")} == {("blue", "green", "red")}


def test_an_entity_has_one_picture_for_each_field_and_may_lack_some(
    engine: EngineClient, application: Callable[..., str]
) -> None:
    name = application(front="plain", back="objects")
    whole = engine.upload(name, front=picture_file(RED), back=make_scene({RED: (1, 1, 9, 9), BLUE: (20, 20, 9, 9)}))
    assert {field: len(doc["ids"]) for field, doc in whole["_docs"].items()} == {"front": 1, "back": 2}
    half = engine.upload(name, front=picture_file(BLUE))
    assert list(half["_docs"]) == ["front"]
    assert engine.search(name, front=picture_file(BLUE)) == [half["_id"], whole["_id"]]
    assert engine.search(name, back=make_scene({BLUE: (0, 0, 9, 9)})) == [whole["_id"]]


def test_other_fields_have_values_which_a_search_can_ask_for(
    engine: EngineClient, application: Callable[..., str]
) -> None:
    name = application(image="plain", brand=("string", "none"), price=("float", 1.5), count=("integer", 3))
    plain = engine.upload(name, image=picture_file(RED))
    assert {key: plain["_docs"][key] for key in ("brand", "price", "count")} == {
        "brand": {"value": "none"},
        "price": {"value": 1.5},
        "count": {"value": 3},
    }
    acme = [engine.upload(name, image=picture_file(BLUE), brand={"value": "acme"})["_id"] for _ in range(3)]
    assert engine.search(name, 2, image=picture_file(RED), brand={"value": "acme"}) == acme[:2]
    assert engine.search(name, image=picture_file(RED), brand={"value": "other"}) == []
    assert engine.search(name, 1, image=picture_file(RED)) == [plain["_id"]]
    body = {"fields": given(image=picture_file(RED), count={"value": "3"})}
    assert engine.error("POST", f"/application/{name}/upload", body) == (400, "ArgsCheckError")
    assert engine.call("GET", f"/application/{name}/entity/count") == 4


def test_one_picture_may_be_uploaded_twice_and_goes_with_the_last_of_its_entities(
    engine: EngineClient, application: Callable[..., str]
) -> None:
    name = application()
    one, two = (engine.upload(name, image=picture_file(RED)) for _ in range(2))
    assert one["_docs"]["image"]["ids"] != two["_docs"]["image"]["ids"]
    assert engine.search(name, image=picture_file(RED)) == [one["_id"], two["_id"]]
    engine.call("DELETE", f"/application/{name}/entity/{one['_id']}")
    assert engine.search(name, image=picture_file(RED)) == [two["_id"]]
    assert httpx.get(two["_docs"]["image"]["url"]).content == picture_file(RED)
    engine.call("DELETE", f"/application/{name}/entity/{two['_id']}")
    assert engine.error("DELETE", f"/application/{name}/entity/{two['_id']}") == (404, "NotExistError")
    body = {"fields": given(image=picture_file(RED)), "topk": 1}
    assert engine.error("POST", f"/application/{name}/search", body) == (400, "NoneVectorError")


def test_of_two_processors_the_second_looks_into_what_the_first_cut_out(engine: EngineClient) -> None:
    with running(LowerRight()) as quarters:
        engine.register("quarters", quarters.address, "processor")
        engine.pipeline("nested", "toy", "quarters", "quarters")
        scene = make_scene({RED: (16, 12, 48, 36), BLUE: (32, 24, 32, 24), GREEN: (48, 36, 16, 12)})
        assert close(engine.call("POST", "/pipeline/nested/test", given(image=scene)["image"])["result"], GREEN)
    engine.call("DELETE", "/pipeline/nested")


def test_operators_of_the_original_engine_that_answer_crops_alone_make_pipelines(
    engine: EngineClient, application: Callable[..., str]
) -> None:
    crops = [base64.b64encode(make_image(each, kind="JPEG")) for each in (RED, BLUE)]
    encoder = Original(type="encoder", dimension="3", vector=(0, 3, 4), metricType="L2")
    with stub(Original(crops)) as (_, cutting), stub(encoder) as (_, encoding):
        engine.register("cutting", cutting, "processor")
        engine.register("encoding", encoding, "encoder")
        engine.pipeline("cut", "toy", "cutting")
        engine.pipeline("cut-twice", "toy", "cutting", "cutting")
        engine.pipeline("original", "encoding", "cutting")
        picture = given(image=picture_file(GREEN))["image"]
        assert close(engine.call("POST", "/pipeline/cut/test", picture)["result"], RED, BLUE)
        assert close(engine.call("POST", "/pipeline/cut-twice/test", picture)["result"], RED, BLUE, RED, BLUE)
        found = engine.call("POST", "/pipeline/original/test", picture)["result"]
        np.testing.assert_allclose(found, [(0, 0.6, 0.8)] * 2, atol=1e-6)
        name = application(image="cut")
        entity = engine.upload(name, image=picture_file(GREEN))
        assert len(entity["_docs"]["image"]["ids"]) == 2
        assert engine.search(name, image=picture_file(GREEN)) == [entity["_id"]]


def test_the_encoder_of_the_server_and_its_processors_make_pipelines_too(engine: EngineClient) -> None:
    engine.register("own", "visop", "encoder")
    engine.register("regions", "visop:regions:10", "processor")
    engine.pipeline("parts", "own", "regions")
    engine.pipeline("whole", "own")
    picture = given(image=picture_file(RED))["image"]
    assert close(engine.call("POST", "/pipeline/whole/test", picture)["result"], RED)
    assert len(engine.call("POST", "/pipeline/parts/test", picture)["result"]) == 10


def test_instances_are_names_for_the_running_operator(engine: EngineClient, operators: tuple[str, str, str]) -> None:
    path = "/operator/toy/instances/spare"
    made = engine.call("POST", path)
    assert (made["name"], made["endpoint"], made["status"]) == ("phantoscope_toy_spare", operators[0], "running")
    assert engine.error("POST", path) == (409, "InstanceExistError")
    body = {"description": "", "encoder": {"name": "toy", "instance": "spare"}}
    engine.call("POST", "/pipeline/spare", body)
    assert engine.call("POST", f"{path}/stop")["status"] == "exited"
    picture = given(image=picture_file(RED))["image"]
    assert engine.error("POST", "/pipeline/spare/test", picture) == (503, "RPCExecError")
    for action in ("start", "restart"):
        assert engine.call("POST", f"{path}/{action}")["status"] == "running"
    assert close(engine.call("POST", "/pipeline/spare/test", picture)["result"], RED)
    assert engine.call("DELETE", path)["status"] == "deleted"
    assert engine.error("POST", f"{path}/start") == (404, "NotExistError")
    engine.call("DELETE", "/pipeline/spare")


def test_an_instance_is_made_by_a_name_in_the_body_as_one_guide_says(engine: EngineClient) -> None:
    made = engine.call("POST", "/operator/toy/instances", {"instanceName": "named"})
    assert made["name"] == "phantoscope_toy_named"
    assert made in engine.call("GET", "/operator/toy/instances")
    engine.call("DELETE", "/operator/toy/instances/named")


def test_the_address_of_a_picture_in_an_answer_can_be_searched_with_and_uploaded(
    engine: EngineClient, application: Callable[..., str]
) -> None:
    one, other = application(), application()
    ids = [engine.upload(one, image=picture_file(each))["_id"] for each in (RED, BLUE)]
    listed = {
        each["_id"]: each["_docs"]["image"]["url"] for each in engine.call("GET", f"/application/{one}/entity?num=0")
    }
    assert engine.search(one, 1, image=listed[ids[1]]) == [ids[1]]
    again = engine.upload(other, image=listed[ids[0]])
    assert httpx.get(again["_docs"]["image"]["url"]).content == picture_file(RED)
    engine.call("DELETE", f"/application/{one}/entity/{ids[0]}")
    body = {"fields": given(image=listed[ids[0]]), "topk": 1}
    assert engine.error("POST", f"/application/{one}/search", body) == (404, "NotExistError")


def test_of_many_that_make_one_name_one_wins(engine: EngineClient) -> None:
    with ThreadPoolExecutor(6) as threads:
        body = {"fields": {"image": {"type": "pipeline", "value": "plain"}}, "s3Bucket": "contested"}
        answers = list(threads.map(lambda _: engine.http.post("/application/contested", json=body), range(6)))
    assert sorted(each.status_code for each in answers) == [200, *[400] * 5]
    assert {each.json()["error"] for each in answers if each.status_code != 200} == {"ExistError"}
    engine.call("DELETE", "/application/contested")


NEW = {"name": "x", "addr": "127.0.0.1:1", "author": "", "type": "encoder", "description": "", "version": ""}
ENCODER = {"name": "toy", "instance": "toy_1"}
IMAGE = {"image": {"type": "pipeline", "value": "plain"}}


@pytest.mark.parametrize(
    ("method", "path", "body", "error"),
    [
        ("POST", "/operator/register", NEW, (503, "OperatorRegistError")),
        ("POST", "/operator/register", NEW | {"name": "toy", "addr": "127.0.0.1:2"}, (400, "ExistError")),
        ("POST", "/operator/register", NEW | {"addr": "psoperator/vgg16-encoder:latest"}, (400, "RequestError")),
        ("POST", "/operator/register", NEW | {"addr": "unix:///run/x:1"}, (400, "RequestError")),
        ("POST", "/operator/register", NEW | {"type": "market"}, (400, "RequestError")),
        ("POST", "/operator/register", NEW | {"name": "../x"}, (400, "ArgsCheckError")),
        ("POST", "/operator/register", NEW | {"addr": "visop:faces:/etc/x.onnx"}, (400, "RequestError")),
        ("POST", "/operator/register", {"name": "x"}, (400, "RequestError")),
        ("POST", "/operator/fetch", {"url": "http://market/v1/operator"}, (400, "RequestError")),
        ("GET", "/operator/nobody", None, (404, "NotExistError")),
        ("GET", "/operator/nobody/instances", None, (404, "NotExistError")),
        ("POST", "/pipeline/p", {"description": "", "encoder": {"name": "toy"}}, (400, "RequestError")),
        ("POST", "/pipeline/p", {"description": "", "encoder": ENCODER | {"name": "no"}}, (404, "NotExistError")),
        (
            "POST", "/pipeline/p", {"description": "", "encoder": ENCODER | {"name": "colours"}},
            (400, "PipelineIllegalError"),
        ),
        ("POST", "/pipeline/plain", {"description": "", "encoder": ENCODER}, (400, "ExistError")),
        ("POST", "/pipeline/plain/test", {}, (400, "RequestError")),
        ("POST", "/pipeline/plain/test", {"data": "bm8="}, (400, "DecodeError")),
        ("POST", "/pipeline/plain/test", {"url": "file:///etc/passwd"}, (400, "RequestError")),
        ("POST", "/pipeline/plain/test", {"url": "http://10.0.0.1/x.png"}, (400, "RequestError")),
        ("POST", "/pipeline/nobody/test", {"data": "bm8="}, (404, "NotExistError")),
        ("DELETE", "/pipeline/nobody", None, (404, "NotExistError")),
        ("POST", "/application/a", {"fields": ["hello"], "s3Bucket": "bucket"}, (400, "RequestError")),
        ("POST", "/application/a", {"fields": IMAGE}, (400, "RequestError")),
        ("POST", "/application/a", {"fields": IMAGE, "s3Bucket": "A b"}, (400, "ArgsCheckError")),
        ("POST", "/application/a", {"fields": {}, "s3Bucket": "bucket"}, (400, "ArgsCheckError")),
        (
            "POST", "/application/a", {"fields": {"i": {"type": "str", "value": ""}}, "s3Bucket": "bucket"},
            (400, "ArgsCheckError"),
        ),
        (
            "POST", "/application/a", {"fields": {"i": {"type": "pipeline", "value": "no"}}, "s3Bucket": "bucket"},
            (400, "ArgsCheckError"),
        ),
        (
            "POST", "/application/a", {"fields": IMAGE | {"n": {"type": "integer", "value": True}}, "s3Bucket": "bbb"},
            (400, "ArgsCheckError"),
        ),
        ("GET", "/application/nobody", None, (404, "NotExistError")),
        ("GET", "/application/nobody/entity", None, (404, "NotExistError")),
        ("GET", "/application/nobody/entity?num=-1", None, (400, "RequestError")),
        ("DELETE", "/application/nobody", {"force": True}, (404, "NotExistError")),
        ("POST", "/application/nobody/upload", {"fields": {}}, (404, "NotExistError")),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_answered_with_the_error_of_the_original(
    engine: EngineClient, method: str, path: str, body: Any, error: tuple[int, str]
) -> None:
    assert engine.error(method, path, body) == error


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "NoneValidFieldError"),
        ({"wrong": {"url": "http://x/"}}, "RequestError"),
        ({"image": {}}, "RequestError"),
        ({"image": "text"}, "RequestError"),
        ({"image": {"data": 7}}, "RequestError"),
        ({"image": {"data": "ab", "inner_field_score_mode": "wrong"}}, "WrongInnerFieldModeError"),
        ({"image": {"data": "ab", "decay_function": "exp"}}, "RequestError"),
        ({"image": {"data": "ab", "weight": "heavy"}}, "RequestError"),
        ({"image": {"data": "ab"}, "score_mode": "wrong"}, "WrongFieldModeError"),
        ({"image": {"data": "ab"}}, "DecodeError"),
    ],
    ids=str,
)
def test_a_search_that_cannot_be_is_refused(
    engine: EngineClient, application: Callable[..., str], fields: Any, error: str
) -> None:
    name = application()
    engine.upload(name, image=picture_file(RED))
    assert engine.error("POST", f"/application/{name}/search", {"fields": fields, "topk": 1}) == (400, error)


def test_an_upload_that_fails_leaves_nothing(engine: EngineClient, application: Callable[..., str]) -> None:
    name = application(front="plain", back="objects")
    for back in (make_scene({}), b"no picture"):
        body = {"fields": given(front=picture_file(RED), back=back)}
        status, error = engine.error("POST", f"/application/{name}/upload", body)
        assert (status, error) == (400, "NoneVectorError" if back != b"no picture" else "DecodeError")
    body = {"fields": given(front=picture_file(RAISES))}
    assert engine.call("GET", f"/application/{name}/entity") == []
    assert engine.error("POST", f"/application/{name}/search", body | {"topk": 1}) == (400, "NoneVectorError")


def test_an_operator_that_is_connected_anew_answers_what_it_was_asked_before(
    engine: EngineClient, application: Callable[..., str]
) -> None:
    toy = ToyOperator()
    with running(toy) as slow, ThreadPoolExecutor(1) as thread:
        engine.register("slow", slow.address, "encoder")
        engine.pipeline("slow", "slow")
        name = application(image="slow")
        toy.gate.clear()
        toy.entered = threading.Semaphore(0)
        upload = thread.submit(engine.upload, name, image=picture_file(RED))
        toy.entered.acquire()
        assert engine.call("POST", "/operator/slow/instances/slow_1/restart")["status"] == "running"
        toy.gate.set()
        uploaded = upload.result()["_id"]
        assert engine.search(name, image=picture_file(RED)) == [uploaded]


def test_an_address_without_a_picture_is_told_apart_from_one_that_may_not_be_fetched(
    engine: EngineClient, picture_server: str
) -> None:
    for path in ("missing.png", "page"):
        url = {"url": f"{picture_server}/{path}"}
        assert engine.error("POST", "/pipeline/plain/test", url) == (598, "DownloadFileError")
    assert engine.error("POST", "/pipeline/plain/test", {"url": "ftp://127.0.0.1/x.png"}) == (400, "RequestError")


def test_a_body_that_is_no_json_or_too_large_is_refused_in_the_same_form(engine: EngineClient) -> None:
    answer = engine.http.post("/pipeline/plain/test", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "RequestError")
    answer = engine.http.post("/pipeline/plain/test", content=b"x", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["error"]) == (415, "RequestError")
    picture = {"data": base64.b64encode(bytes(200_000)).decode()}
    assert engine.error("POST", "/pipeline/plain/test", picture) == (400, "DecodeError")


def test_a_pipeline_that_an_application_needs_stays(engine: EngineClient, application: Callable[..., str]) -> None:
    application()
    assert engine.error("DELETE", "/pipeline/plain") == (400, "RequestError")
    body = {"fields": IMAGE, "s3Bucket": "bucket-0"}
    assert engine.error("POST", "/application/another", body) == (400, "ExistError")


def test_an_operator_that_died_is_named_with_its_address_and_comes_back_with_start(
    engine: EngineClient, application: Callable[..., str]
) -> None:
    with running() as dying:
        engine.register("dying", dying.address, "encoder")
        engine.pipeline("dying", "dying")
        name = application(image="dying")
        engine.upload(name, image=picture_file(RED))
    began = time.monotonic()
    answer = engine.http.post(f"/application/{name}/upload", json={"fields": given(image=picture_file(RED))})
    assert (answer.status_code, answer.json()["error"]) == (503, "RPCExecError")
    assert dying.address in answer.json()["message"]
    assert time.monotonic() - began < 15
    with running(OtherEncoder(), endpoint=dying.address):
        wait_until(lambda: engine.http.post("/operator/dying/instances/dying_1/restart").status_code == 200)
        body = {"fields": given(image=picture_file(RED))}
        assert engine.error("POST", f"/application/{name}/upload", body) == (400, "PipelineIllegalError")


def test_an_operator_that_does_not_answer_is_named_at_the_deadline(engine: EngineClient) -> None:
    toy = ToyOperator()
    with running(toy) as stuck:
        engine.register("stuck", stuck.address, "encoder")
        engine.pipeline("stuck", "stuck")
        toy.gate.clear()
        picture = given(image=picture_file(RED))["image"]
        answer = engine.http.post("/pipeline/stuck/test", json=picture, headers={"X-Request-Timeout": "0.7"})
        assert (answer.status_code, answer.json()["error"]) == (503, "RPCExecError")
        assert stuck.address in answer.json()["message"]
        toy.gate.set()
    engine.call("DELETE", "/pipeline/stuck")


def test_every_path_may_end_with_a_slash(engine: EngineClient, application: Callable[..., str]) -> None:
    name = application()
    for path in ("/operator", "/pipeline", "/pipeline/plain", "/application", f"/application/{name}/entity/count"):
        assert engine.call("GET", path) == engine.call("GET", f"{path}/")
    assert engine.http.get("/settings/ping").text == "pong"


def test_applications_are_indexes_of_the_store(engine: EngineClient, application: Callable[..., str]) -> None:
    name = application(image="objects")
    found = [each for each in engine.call("GET", "/indexes")["indexes"] if each["name"].startswith(f"{name}_image_")]
    assert [each["parts"] for each in found] == ["colours"]


def test_a_page_of_the_application_may_show_the_pictures(engine: EngineClient, application: Callable[..., str]) -> None:
    entity = engine.upload(application(**{"the picture": "plain"}), **{"the picture": picture_file(RED)})
    answer = httpx.get(entity["_docs"]["the picture"]["url"])
    assert (answer.content, answer.headers["Content-Type"]) == (picture_file(RED), "image/png")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize(
    "text",
    ['"\\ud800"', '"\\u0000"', '"' + "x" * 100_000 + '"', "[" * 50_000, "1e999", "NaN", "null", "1" * 5000],
    ids=len,
)
def test_odd_json_is_answered_in_the_form_of_the_original(
    engine: EngineClient, application: Callable[..., str], text: str
) -> None:
    name, headers = (
        application(image="plain", brand=("string", ""), price=("float", 0.5)),
        {"Content-Type": "application/json"},
    )
    picture = given(image=picture_file(RED))["image"]["data"]
    bodies = {
        f"/application/{name}/upload": f'{{"fields": {{"image": {{"data": "{picture}"}}, "brand": {{"value": {text}}}}}}}',  # noqa: E501
        f"/application/{name}/search": f'{{"fields": {{"image": {{"data": {text}}}}}, "topk": {text}}}',
        "/application/odd": f'{{"fields": {{"image": {{"type": {text}, "value": {text}}}}}, "s3Bucket": {text}}}',
        "/pipeline/odd": f'{{"description": {text}, "encoder": {{"name": {text}, "instance": {text}}}}}',
        "/operator/register": json.dumps(NEW).replace('"encoder"', text),
        "/pipeline/plain/test": f'{{"data": {text}, "url": {text}}}',
    }
    for path, body in bodies.items():
        answer = engine.http.post(path, content=body, headers=headers)
        assert answer.status_code in (400, 404) or (answer.status_code == 200 and path.endswith("upload")), answer.text
        assert answer.status_code == 200 or set(answer.json()) == {"message", "error"}, answer.text

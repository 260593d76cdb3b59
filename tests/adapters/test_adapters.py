"""Classes of other systems, served without a change to them."""

from __future__ import annotations

import base64
import io
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image

from tests.adapters import gallery, originals
from tests.conftest import Running, make_image, picture_file, running, unit, wait_until
from tests.http.conftest import both_protocols
from visop.client import Client
from visop.contract import Encoder, Processor
from visop.detecting.local import open_local
from visop.errors import SettingsError
from visop.rpc import rpc_pb2
from visop.serving.operators import load_operator
from visop.settings import Settings
from visop.vectors import descriptors_of

Start = Callable[[str], Running]
Request = rpc_pb2.ExecuteRequest

COLOUR = (200, 100, 50)
PICTURE = picture_file(COLOUR, (64, 48))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files are."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    originals.SEEN.clear()
    gallery.WRITTEN.clear()
    originals.BEHAVIOUR.clear()
    yield tmp_path
    assert [path for path in tmp_path.iterdir() if path.name.startswith("visop-")] == []


@pytest.fixture
def serve() -> Iterator[Start]:
    """Serve a class by its name."""
    with ExitStack() as stack:

        def start(name: str) -> Running:
            operator = stack.enter_context(closing(load(name)))
            return stack.enter_context(running(operator))

        yield start


def load(name: str) -> Encoder | Processor:
    path = name if ":" in name else f"tests.adapters.originals:{name}"
    operator = load_operator(Settings(operator=path))
    assert isinstance(operator, Encoder | Processor)
    return operator


def files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "name", ["CustomOperator", "OnlyRun", "Extractor", "tests.adapters.gallery:Vgg"], ids=lambda name: name[-9:]
)
def test_an_encoder_of_another_system_answers_its_vectors(name: str, serve: Start, place: Path) -> None:
    server = serve(name)
    reply = server.stub.Execute(Request(images=[PICTURE, make_image((1, 2, 3))]))
    for vector, colour in zip(reply.vectors, [COLOUR, (1, 2, 3)], strict=True):
        assert np.allclose(vector.element, unit(colour), atol=1e-6)
    identity = server.stub.Identity(rpc_pb2.IdentityRequest())
    assert (identity.type, identity.dimension, identity.metricType) == ("encoder", "3", "L2")
    assert server.stub.Healthy(rpc_pb2.HealthyRequest()).healthy == "healthy"
    assert files(place) == []


def test_files_are_private_and_gone_after_each_call(serve: Start, place: Path) -> None:
    server = serve("CustomOperator")
    server.stub.Execute(Request(images=[PICTURE] * 3))
    assert {(Path(path).parent.parent, file, folder) for path, file, folder in originals.SEEN} == {
        (place, 0o600, 0o700)
    }
    originals.BEHAVIOUR["raise"] = "broken"
    with pytest.raises(grpc.RpcError) as caught:
        server.stub.Execute(Request(images=[PICTURE]))
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert files(place) == []


def test_what_a_class_writes_itself_is_private_and_gone_too(serve: Start, place: Path) -> None:
    serve("tests.adapters.gallery:Vgg").stub.Execute(Request(images=[PICTURE]))
    assert {Path(path).parent.parent for path in gallery.WRITTEN} == {place}
    assert files(place) == []


def test_boxes_and_labels_of_the_analysis_module_come_in_its_own_form() -> None:
    with closing(load("Scenes")) as operator, both_protocols(operator) as (server, web):
        assert web.post("/analysis", files={"image": PICTURE}).json() == [
            {
                "position": {"x": 0, "y": 0, "w": 64, "h": 48},
                "label": [
                    {"description": "dark", "score": pytest.approx(1 - 350 / 765)},
                    {"description": "light", "score": pytest.approx(350 / 765)},
                ],
            },
            {"position": {"x": 0, "y": 0, "w": 32, "h": 48}, "label": [{"description": "half", "score": 0.5}]},
        ]
        parts = server.stub.Execute(Request(images=[PICTURE])).parts
        assert [(part.label, part.box.w) for part in parts] == [("dark", 64), ("half", 32), ("light", 64)]


def test_the_template_of_the_analysis_module_is_served_as_it_is() -> None:
    with closing(load("Dummy")) as operator, both_protocols(operator) as (_, web):
        labels = [{"description": "TEST", "score": 0.95}, {"description": "DEBUG", "score": 0.05}]
        assert web.post("/analysis", files={"image": make_image(size=(300, 300))}).json() == [
            {"position": dict.fromkeys("xywh", 0), "label": labels},
            {"position": dict.fromkeys("xywh", 100), "label": labels},
        ]


@pytest.mark.parametrize(
    "answer",
    [
        [[(0, 0, np.nan, 1), {"a": 1}]],
        [[(60, 0, 10, 10), {"a": 1}]],
        [[(0, 0, 1), {"a": 1}]],
        [[(0, 0, 1, 1), {"a": np.inf}]],
        [[(0, 0, 1, 1), {"a": "high"}]],
        [[(0, 0, 1, 1), ["a"]]],
        ["box"],
        None,
    ],
    ids=["NaN", "outside", "three numbers", "inf", "no score", "no labels", "no entry", "None"],
)
def test_an_answer_that_breaks_the_contract_fails_its_picture(answer: Any, serve: Start) -> None:
    server = serve("Scenes")
    originals.BEHAVIOUR["answer"] = answer
    reply = server.stub.Execute(Request(images=[PICTURE], partial=True))
    assert [status.code for status in reply.statuses] == [grpc.StatusCode.INTERNAL.value[0]]
    originals.BEHAVIOUR.clear()
    assert len(server.stub.Execute(Request(images=[PICTURE])).parts) == 3


def test_what_a_processor_cuts_out_comes_as_it_did_without_a_box(serve: Start) -> None:
    server = serve("Halves")
    reply = server.stub.Execute(Request(images=[make_image(), PICTURE]))
    assert (reply.nums, [part.input for part in reply.parts], [part.crop for part in reply.parts]) == (
        4,
        [0, 0, 1, 1],
        [0, 1, 2, 3],
    )
    assert not any(part.HasField("box") for part in reply.parts)
    with Client(server.address) as client:
        assert [part.box for part in client.detect(images=[PICTURE])[0]] == [None, None]
    sizes = [Image.open(io.BytesIO(base64.b64decode(each.data))).size for each in reply.metadata]
    assert sizes == [(8, 12)] * 2 + [(32, 48)] * 2


def test_what_is_cut_out_in_this_process_has_no_box_either() -> None:
    with open_local(Settings(operator="tests.adapters.originals:Halves")) as detector:
        [parts] = detector.detect_stream([PICTURE], batch=1)
    assert isinstance(parts, list)
    assert [(part.box, Image.open(io.BytesIO(part.crop or b"")).size) for part in parts] == [(None, (32, 48))] * 2


def test_a_processor_may_answer_paths_of_what_it_cut_out(serve: Start, place: Path) -> None:
    [crop] = serve("Files").stub.Execute(Request(images=[PICTURE])).metadata
    assert Image.open(io.BytesIO(base64.b64decode(crop.data))).size == (8, 6)
    assert files(place) == []


@pytest.mark.parametrize("answer", [None, [], [None]], ids=["None", "empty", "list of None"])
def test_nothing_found_is_no_error(answer: Any, serve: Start) -> None:
    server = serve("Halves")
    originals.BEHAVIOUR["answer"] = answer
    assert server.stub.Execute(Request(images=[PICTURE])).nums == 0


@pytest.mark.parametrize(
    "answer", [["AAAA"], [3], "text", [b"\xff\xd8\xff"]], ids=["no JPEG", "int", "text", "cut off"]
)
def test_what_is_no_picture_fails_its_input(answer: Any, serve: Start) -> None:
    server = serve("Halves")
    originals.BEHAVIOUR["answer"] = answer
    [status] = server.stub.Execute(Request(images=[PICTURE], partial=True)).statuses
    assert status.code == grpc.StatusCode.INTERNAL.value[0]


def test_labels_without_parts_are_parts_without_box_or_crop(serve: Start) -> None:
    server = serve("Tags")
    reply = server.stub.Execute(Request(images=[PICTURE]))
    assert [(part.label, part.HasField("box"), part.HasField("crop")) for part in reply.parts] == [
        ("cat", False, False),
        ("dog", False, False),
    ]
    assert server.stub.Identity(rpc_pb2.IdentityRequest()).output == "tags"


def test_what_is_cut_out_is_encoded_in_a_pipeline(start_server: Callable[..., Running]) -> None:
    encoder, processor = (f"tests.adapters.originals:{name}" for name in ("CustomOperator", "Halves"))
    pipeline = load_operator(Settings(operator=encoder, processor=processor))
    reply = start_server(pipeline).stub.Execute(Request(images=[PICTURE]))
    darker, lighter = (unit(tuple(each + shade for each in COLOUR)) for shade in (-10, 10))  # type: ignore[arg-type]
    assert np.allclose(reply.vectors[0].element, darker, atol=0.02)
    assert np.allclose(reply.vectors[1].element, lighter, atol=0.02)
    assert [(part.vector, part.HasField("box")) for part in reply.parts] == [(0, False), (1, False)]
    pipeline.close()


def test_what_has_several_labels_has_one_vector(start_server: Callable[..., Running]) -> None:
    encoder, processor = (f"tests.adapters.originals:{name}" for name in ("CustomOperator", "Scenes"))
    pipeline = load_operator(Settings(operator=encoder, processor=processor))
    reply = start_server(pipeline).stub.Execute(Request(images=[PICTURE]))
    assert [(part.label, part.box.w) for part in reply.parts] == [("dark", 64), ("half", 32)]
    pipeline.close()


def test_a_class_that_hangs_is_told_by_health() -> None:
    with (
        closing(load("CustomOperator")) as operator,
        running(operator, request_timeout_s=1.0, drain_timeout_s=0.1) as server,
    ):
        originals.BEHAVIOUR["wait"] = release = threading.Event()
        with pytest.raises(grpc.RpcError):
            server.stub.Execute(Request(images=[PICTURE]))
        wait_until(lambda: server.pipeline.trouble() is not None)
        release.set()
        wait_until(lambda: server.pipeline.trouble() is None)


NO_WAY = (
    r"execute\(path\): RuntimeError: cannot take str; execute\(array\): RuntimeError: cannot take ndarray; "
    r"run\(images, urls\): run answered 0 results for one picture"
)


@pytest.mark.parametrize(
    ("name", "why"), [("Neither", "type is 'tagger', it must be 'encoder' or 'processor'"), ("Broken", NO_WAY)]
)
def test_a_class_that_cannot_be_served_is_refused_with_every_reason(name: str, why: str) -> None:
    with pytest.raises(SettingsError, match=f"^OP_OPERATOR=tests.adapters.originals:{name}: {why}$"):
        load(name)


def test_descriptors_that_are_not_served_are_named(caplog: pytest.LogCaptureFixture) -> None:
    with closing(load("Extractor")) as operator:
        assert operator.info().descriptors == ("MAC",)
    assert "descriptors of several lengths, MAC (3), SPoC (1); vectors are those of MAC" in caplog.text


def test_descriptors_of_one_length_are_served_side_by_side() -> None:
    with closing(load("Descriptors")) as operator, running(operator) as server:
        identity = server.stub.Identity(rpc_pb2.IdentityRequest())
        assert list(identity.descriptors) == ["MAC", "SPoC"]
        [vector] = server.stub.Execute(Request(images=[make_image((30, 20, 10))])).vectors
    found = descriptors_of(np.asarray(vector.element, np.float32), identity.descriptors)
    np.testing.assert_allclose(found["MAC"], unit((30, 20, 10)), atol=1e-6)
    np.testing.assert_allclose(found["SPoC"], unit((10, 20, 30)), atol=1e-6)

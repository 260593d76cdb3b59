"""Odd pictures through an SSD-300 that is narrow and was not trained, and through a pipeline with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import running
from tests.serving.odd_pictures import ODD, crops
from tests.toys import ToyOperator
from visop.contract import Processor
from visop.models.detector_file import write_detector_file
from visop.processors.registry import built_in_processor
from visop.processors.ssd.labels import VOC
from visop.processors.ssd.layout import tensor_shapes
from visop.processors.ssd.random_weights import random_tensors
from visop.rpc import rpc_pb2
from visop.serving.part_encoder import PartChoice, PartEncoder
from visop.settings import Settings

pytestmark = pytest.mark.slow

Request = rpc_pb2.ExecuteRequest


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processor]:
    folder = tmp_path_factory.mktemp("ssd300")
    file = folder / "narrow.safetensors"
    tensors = random_tensors(tensor_shapes(21, 16))
    tensors |= {name: 30 * each for name, each in tensors.items() if name.startswith("classes")}  # to be certain
    write_detector_file(file, model="ssd300", labels=VOC, tensors=tensors, card={}, network={"divisor": 16})
    found = built_in_processor(str(file), Settings(cache_dir=folder / "cache"))
    assert found is not None
    found.load()
    yield found
    found.close()


def test_boxes_lie_in_the_upright_picture_and_crops_have_their_sizes(objects: Processor) -> None:
    with running(objects) as server:
        identity = server.stub.Identity(rpc_pb2.IdentityRequest())
        reply = server.stub.Execute(Request(images=[file for file, _ in ODD.values()]))
    assert (identity.name, identity.type, list(identity.labels)) == ("ssd300", "processor", list(VOC))
    sizes = [size for _, size in ODD.values()]
    assert {part.label for part in reply.parts} <= set(VOC)
    assert {part.input for part in reply.parts} > {3, 9}  # of nothing but noise something is found
    for part, crop in crops(reply):
        box, (width, height) = part.box, sizes[part.input]
        assert 0 <= box.x < box.x + box.w <= width + 0.01
        assert 0 <= box.y < box.y + box.h <= height + 0.01
        assert abs(crop.width - box.w) < 2
        assert abs(crop.height - box.h) < 2


@pytest.mark.parametrize("whole", [False, True])
def test_each_object_has_a_vector_of_its_own(objects: Processor, whole: bool) -> None:
    pipeline = PartEncoder(objects, ToyOperator(), PartChoice(5, whole, 0.0))
    files = [file for name, (file, _) in ODD.items() if name != "grey of 16 bits"]  # the toy cannot encode black
    with running(pipeline) as server:
        reply = server.stub.Execute(Request(images=files))
    assert 0 < len(reply.vectors) == len(reply.parts) <= len(files) * (5 + whole)
    if whole:
        assert {part.input for part in reply.parts} == set(range(len(files)))

"""The way in which the original engine calls operators, with its own proto file."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image

from tests.conftest import Running, make_base64, make_scene, running, unit
from tests.original_client import OriginalClient, run_pipeline
from tests.toys import ToyOperator, ToyProcessor
from visop.contract import Encoder, Processor
from visop.processors.regions import Regions
from visop.serving.part_encoder import PartChoice, PartEncoder

Start = Callable[..., Running]

RED, BLUE = (200, 0, 0), (0, 0, 250)
SCENE = base64.b64encode(make_scene({RED: (10, 5, 20, 10), BLUE: (40, 20, 6, 8)})).decode()
NOTHING = base64.b64encode(make_scene({})).decode()

PROCESSOR = {"type": "processor", "input": "image", "output": "images", "dimension": "-1", "metricType": "-1"}
ENCODER = {"type": "encoder", "input": "image", "output": "vector", "metricType": "L2"}


def sizes(reply: Any) -> list[tuple[int, int]]:
    """Of the crops, which are all JPEGs in bare base64, without a URL, and counted by ``nums``."""
    assert (reply.nums, len(reply.vectors)) == (len(reply.metadata), 0)
    assert not any(each.url for each in reply.metadata)
    crops = [Image.open(io.BytesIO(base64.b64decode(each.data, validate=True))) for each in reply.metadata]
    for crop in crops:
        crop.load()
    assert {crop.format for crop in crops} <= {"JPEG"}
    return [crop.size for crop in crops]


@pytest.fixture
def start(start_server: Start) -> Callable[..., OriginalClient]:
    return lambda *given, **changes: OriginalClient(start_server(*given, **changes).channel)


def test_an_encoder_is_called(start_server: Start) -> None:
    server = start_server(endpoint="10.1.2.3:0")
    client = OriginalClient(server.channel)
    assert client.healthy() == "healthy"
    assert client.identity() == ENCODER | {"name": "toy", "dimension": "3"}
    reply = client.execute(datas=[make_base64((3, 4, 0))])
    assert (reply.nums, len(reply.metadata)) == (1, 0)
    np.testing.assert_allclose(reply.vectors[0].element, [0.6, 0.8, 0], atol=1e-6)


def test_regions_are_cut_out_of_urls_and_data(start: Callable[..., OriginalClient], picture_server: str) -> None:
    client = start(Regions(10))
    assert client.healthy() == "healthy"
    assert client.identity() == PROCESSOR | {"name": "regions:10"}
    reply = client.execute([f"{picture_server}/9-8-7.png"], [SCENE])
    assert sizes(reply) == [(16, 12), *9 * [(8, 6)], (64, 48), *9 * [(32, 24)]]


def test_a_pipeline_is_an_encoder_with_a_vector_for_each_part(
    start: Callable[..., OriginalClient], picture_server: str
) -> None:
    client = start(PartEncoder(Regions(10), ToyOperator()))
    assert client.healthy() == "healthy"
    assert client.identity() == ENCODER | {"name": "regions:10+toy", "dimension": "3"}
    reply = client.execute([f"{picture_server}/90-80-70.png"], [make_base64((3, 4, 0))])
    assert (reply.nums, len(reply.vectors), len(reply.metadata)) == (20, 20, 0)
    np.testing.assert_allclose(reply.vectors[0].element, unit((90, 80, 70)), atol=1e-6)
    np.testing.assert_allclose([each.element for each in reply.vectors[10:]], 10 * [[0.6, 0.8, 0]], atol=1e-6)


def test_the_engine_passes_the_crops_of_a_processor_on_to_an_encoder(start: Callable[..., OriginalClient]) -> None:
    processor, encoder = start(ToyProcessor(), crop_quality=100), start()
    np.testing.assert_allclose(run_pipeline(processor, encoder, data=SCENE), [unit(RED), unit(BLUE)], atol=0.02)
    assert run_pipeline(processor, encoder, data=NOTHING) == []
    assert len(run_pipeline(start(Regions(10)), start(Regions(5)), encoder, data=SCENE)) == 50


def test_an_empty_url_is_refused_unless_it_came_with_data(start: Callable[..., OriginalClient]) -> None:
    for urls, datas in (([""], []), (["", ""], [SCENE]), (["", "x"], [SCENE, SCENE])):
        with pytest.raises(grpc.RpcError) as caught:
            start().execute(urls, datas)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.slow
def test_faces_are_cut_out_and_encoded(faces: Processor, embedded: Encoder) -> None:
    from skimage import data

    file = io.BytesIO()
    Image.fromarray(data.astronaut()).save(file, "JPEG", quality=95)
    astronaut = base64.b64encode(file.getvalue()).decode()
    pipeline = PartEncoder(faces, embedded, PartChoice(whole=True))
    with running(faces) as alone, running(embedded) as encoding, running(pipeline) as both:
        processor, encoder, client = (OriginalClient(each.channel) for each in (alone, encoding, both))
        assert (processor.healthy(), client.healthy()) == ("healthy", "healthy")
        assert processor.identity() == PROCESSOR | {"name": "faces"}
        assert client.identity() == ENCODER | {"name": "faces+embedded", "dimension": "256"}
        [size] = sizes(processor.execute(datas=[astronaut]))
        assert np.abs(np.subtract(size, (84, 109))).max() <= 4
        reply = client.execute(datas=[astronaut, NOTHING])
        assert (reply.nums, len(reply.vectors)) == (3, 3)  # the astronaut, her face, and the other picture
        [by_engine] = run_pipeline(processor, encoder, data=astronaut)
        assert np.dot(by_engine, reply.vectors[1].element) > 0.99

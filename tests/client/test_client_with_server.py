"""The client against the real server: what one side says, the other understands."""

import threading

import numpy as np
import pytest

from tests.conftest import make_base64, make_image, unit
from tests.toys import RAISES
from visop.client import HEALTHY, Backoff, Client
from visop.errors import BadItems, FetchFailed, ImageTooLarge, InvalidInput, ModelFailed, Overloaded

COLOURS = [(number + 1, 100, 200) for number in range(40)]


@pytest.fixture
def client(running_server):
    with Client(running_server.address, timeout_s=20) as client:
        yield client


def test_identity_health_and_limits(client, running_server):
    identity = client.identity()
    assert identity.operator == running_server.operator.info()
    assert (identity.endpoint, identity.limits.max_items) == (running_server.address, 256)
    assert "JPEG" in identity.formats
    assert client.health() == HEALTHY


def test_urls_datas_and_images_in_one_call(client, picture_server):
    vectors = client.encode(
        images=[make_image((7, 8, 9))], urls=[f"{picture_server}/1-2-3.png"], datas=[make_base64((4, 5, 6))]
    )
    np.testing.assert_allclose(np.array(vectors), [unit((1, 2, 3)), unit((4, 5, 6)), unit((7, 8, 9))], atol=1e-6)


def test_every_bad_input_is_named_with_its_reason_and_its_kind(client, picture_server):
    with pytest.raises(BadItems) as caught:
        client.encode(
            images=[make_image(), b"text", make_image(RAISES)], urls=[f"{picture_server}/no", "file:///etc/passwd"]
        )
    assert {name: type(error) for name, error in caught.value.items.items()} == {
        "urls[0]": FetchFailed,
        "urls[1]": InvalidInput,
        "images[1]": InvalidInput,
        "images[2]": ModelFailed,
    }
    assert "images[1]: not an image" in str(caught.value)


def test_partial_keeps_the_good_ones(client):
    first, second, third = client.encode_partial(images=[make_image((1, 2, 3)), b"text", make_image(RAISES)])
    np.testing.assert_allclose(first, unit((1, 2, 3)), atol=1e-6)
    assert isinstance(second, InvalidInput)
    assert isinstance(third, ModelFailed)


def test_the_limits_of_the_server_are_kept_by_the_client(start_server):
    server = start_server(max_items=3, max_image_bytes=1000)
    with Client(server.address, timeout_s=20) as client:
        assert len(client.encode(images=[make_image()] * 10)) == 10
        [error] = client.encode_partial(images=[b"x" * 1001])
    assert isinstance(error, ImageTooLarge)


def test_a_full_house_is_tried_again_until_there_is_room(start_server):
    server = start_server(max_queue=4, max_items=4)
    server.operator.gate.clear()
    images = [make_image()] * 4
    with Client(server.address, timeout_s=20, backoff=Backoff(retries=0)) as client:
        waiting = threading.Thread(target=client.encode, kwargs={"images": images})
        waiting.start()
        server.operator.entered.acquire()
        with pytest.raises(Overloaded) as caught:
            client.encode(images=images)
        assert caught.value.retry_after_s > 0
        server.operator.gate.set()
        waiting.join()
    with Client(server.address, timeout_s=20) as client:
        assert len(client.encode(images=images)) == 4


@pytest.mark.parametrize(("batch", "window"), [(1, 1), (3, 4), (16, 20)])
def test_a_stream_comes_back_in_order(client, batch, window):
    images = (make_image(colour) for colour in COLOURS)
    vectors = list(client.encode_stream(images, batch=batch, window=window))
    np.testing.assert_allclose(np.array(vectors), [unit(colour) for colour in COLOURS], atol=1e-6)


def test_a_stream_outlives_a_server_that_drains(start_server):
    """The second server takes the port of the first; between them, nothing is lost and nothing is encoded twice."""
    first = start_server()
    with Client(first.address, timeout_s=20, bulk_backoff=Backoff(retries=50, longest_s=0.1)) as client:
        stream = client.encode_stream((make_image(colour) for colour in COLOURS), batch=2, window=3)
        vectors = [next(stream) for _ in range(10)]
        first.server.stop()
        second = start_server(endpoint=first.address)
        vectors += stream
    np.testing.assert_allclose(np.array(vectors), [unit(colour) for colour in COLOURS], atol=1e-6)
    assert sum(first.operator.batches) + sum(second.operator.batches) == len(COLOURS)

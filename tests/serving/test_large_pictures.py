"""Large pictures: of a request, over all requests, and beside small ones."""

from __future__ import annotations

import pytest

from visop.errors import Overloaded
from visop.serving.large_pictures import LargePictures, large_workers
from visop.settings import Settings


def test_what_fits_into_a_request_is_taken_and_the_rest_refused() -> None:
    request = LargePictures(capacity=1000, per_request=300).of_request("a")
    request.enter(200)()
    request.enter(100)
    with pytest.raises(Overloaded, match=r"take 301 bytes decoded, the limit is 300 \(OP_MAX_REQUEST_LARGE_BYTES\)"):
        request.enter(1)


def test_all_requests_together_have_a_limit_until_pictures_are_done() -> None:
    large = LargePictures(capacity=1000, per_request=1000)
    done = large.of_request("a").enter(600)
    with pytest.raises(Overloaded, match=r"600 bytes decoded are in hand, the limit is 1,000 \(OP_MAX_LARGE_BYTES\)"):
        large.of_request("b").enter(500)
    done()
    large.of_request("b").enter(500)


def test_one_peer_leaves_something_to_others() -> None:
    large = LargePictures(capacity=800, per_request=800)
    large.of_request("a").enter(600)
    with pytest.raises(Overloaded, match="nearly all from one address"):
        large.of_request("a").enter(150)
    large.of_request("b").enter(150)


def test_a_picture_that_is_larger_than_a_limit_is_taken_alone() -> None:
    """Whether one picture is too large is for OP_MAX_PIXELS to say."""
    large = LargePictures(capacity=10, per_request=10)
    large.of_request("a").enter(500)
    with pytest.raises(Overloaded):
        large.of_request("b").enter(500)


def test_a_refused_picture_counts_nowhere() -> None:
    large = LargePictures(capacity=800, per_request=500)
    request = large.of_request("a")
    with pytest.raises(Overloaded):
        [request.enter(300), request.enter(300)]
    request.enter(200)


def test_one_peer_alone_has_no_limit() -> None:
    request = LargePictures.of(Settings(), one_peer=True).of_request("")
    for _ in range(1000):
        request.enter(2**30)


def test_large_pictures_have_fewer_threads() -> None:
    assert [large_workers(cores) for cores in (1, 2, 3, 16)] == [1, 1, 1, 8]

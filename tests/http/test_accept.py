"""Which form of an answer a client wants, by its Accept header."""

from __future__ import annotations

import pytest

from visop.http.accept import NotAcceptable, preferred

OFFERED = ("application/json", "image/jpeg")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("application/json, image/jpeg", "application/json"),
        ("image/jpeg", "image/jpeg"),
        ("IMAGE/JPEG; q=1.000", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/*, */*;q=0.1", "image/jpeg"),
        ("image/jpeg;q=0.5, application/json;q=0.9", "application/json"),
        ("application/json;q=0.2, image/jpeg ; Q=0.3", "image/jpeg"),
        ("application/json;q=0, */*", "image/jpeg"),
        ("image/jpeg;q=0, image/*, */*;q=0.1", "application/json"),
        ("image/avif,image/webp,*/*;q=0.8", "application/json"),
        ('text/x;a="image/jpeg,";q=1, image/jpeg;q=0.1', "image/jpeg"),
        ("application/json;charset=utf-8", "application/json"),
        ("image/jpeg;q=2, application/json;q=0.1", "application/json"),  # a weight that is none
        ("nothing, image/jpeg", "image/jpeg"),
        ("", "application/json"),
        ("no list at all", "application/json"),
    ],
)
def test_the_form_of_the_greatest_weight_is_taken(accept: str, media_type: str) -> None:
    assert preferred([accept], OFFERED) == media_type


def test_without_the_header_the_first_is_taken_and_several_are_one_list() -> None:
    assert preferred([], OFFERED) == "application/json"
    assert preferred(["application/json;q=0.5", "image/jpeg"], OFFERED) == "image/jpeg"


@pytest.mark.parametrize("accept", ["image/png", "text/html, image/webp;q=0.9", "*/*;q=0", "image/jpeg;q=0.0"])
def test_a_client_that_takes_neither_is_told_so(accept: str) -> None:
    with pytest.raises(NotAcceptable) as caught:
        preferred([accept], OFFERED)
    assert str(caught.value) == "Accept: the answer is application/json or image/jpeg, and neither is accepted"

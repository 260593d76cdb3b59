from __future__ import annotations

import hashlib

import pytest

from tests.images.wire import BODY, Wire, answer, open_wire
from visop.settings import Settings
from visop.web.web_files import WebFiles

ID = hashlib.sha256(BODY).hexdigest()


def asked(wire: Wire, refusal: bytes, passed_s: float) -> int:
    """How often a server that refuses is asked for a picture that is wanted twice, with so much time between."""
    now = 100.0
    wire.answers["/"] = [refusal]
    files = WebFiles(Settings(fetch_allow=("127.0.0.1",)), clock=lambda: now)
    assert files.open(ID, [wire.url()]) is None
    now += passed_s
    assert files.open(ID, [wire.url()]) is None
    files.close()
    return len(wire.targets)


@pytest.mark.parametrize(
    ("headers", "passed_s", "times"),
    [([], 59, 1), ([], 61, 2), (["Retry-After: 3600"], 3599, 1), (["Retry-After: 3600"], 3601, 2)],
)
def test_a_picture_is_left_alone_for_as_long_as_its_server_asks(
    headers: list[str], passed_s: float, times: int
) -> None:
    with open_wire() as wire:
        assert asked(wire, answer(b"", "429 Too Many Requests", *headers), passed_s) == times

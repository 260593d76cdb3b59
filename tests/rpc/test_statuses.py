from __future__ import annotations

import re

import pytest
from grpc import StatusCode

from tests.test_errors import CLASSES
from visop.errors import (
    BadItems,
    FetchUnavailable,
    ImageDecodeError,
    ModelFailed,
    Overloaded,
    RemoteError,
    ShuttingDown,
    VisopError,
)
from visop.rpc import statuses
from visop.rpc.statuses import code_of, error_of, error_of_number
from visop.search.errors import StoreFull


def test_the_table_in_the_docstring_is_true() -> None:
    rows = re.findall(r"^    ([A-Z_]+) +([A-Z]\w.*)$", str(statuses.__doc__), re.MULTILINE)
    said = {name: code for code, names in rows for name in re.findall(r"[A-Z]\w+", names)}
    for cls in CLASSES:
        nearest = next((each.__name__ for each in cls.__mro__ if each.__name__ in said), None)
        if cls not in (BadItems, RemoteError):
            assert code_of(cls.__new__(cls)).name == (said[nearest] if nearest else "INTERNAL")


def test_an_error_of_another_package_has_the_status_of_its_base() -> None:
    assert code_of(StoreFull("the disk is full")) is StatusCode.INTERNAL


def test_what_a_retry_cannot_mend_decides_the_status_of_a_call() -> None:
    assert code_of(BadItems({"urls[0]": FetchUnavailable("slow")})) is StatusCode.UNAVAILABLE
    mixed = BadItems({"urls[0]": FetchUnavailable("slow"), "datas[1]": ImageDecodeError("bad")})
    assert code_of(mixed) is StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "error", [ImageDecodeError("bad"), FetchUnavailable("slow"), Overloaded("full"), ModelFailed("x")]
)
def test_the_error_of_an_input_comes_back_with_the_same_status(error: VisopError) -> None:
    assert code_of(error_of_number(code_of(error).value[0], str(error))) is code_of(error)


def test_a_status_that_no_error_of_ours_has_is_kept() -> None:
    error = error_of(StatusCode.UNIMPLEMENTED, "no such method")
    assert (str(error), code_of(error)) == ("UNIMPLEMENTED: no such method", StatusCode.UNIMPLEMENTED)
    assert code_of(error_of_number(99, "?")) is StatusCode.UNKNOWN


def test_a_whole_call_that_meets_a_drain_is_unavailable() -> None:
    assert code_of(ShuttingDown("later")) is StatusCode.UNAVAILABLE

from __future__ import annotations

import grpc

from visop import errors
from visop.errors import (
    BadItems,
    FetchUnavailable,
    ImageDecodeError,
    ModelFailed,
    UrlRejected,
    VisopError,
    summarise,
)


def test_every_error_has_a_status() -> None:
    classes = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, VisopError)]
    assert len(classes) > 15
    assert all(isinstance(cls.code, grpc.StatusCode) for cls in classes)


def test_the_tree_in_the_docstring_names_every_class() -> None:
    for name, cls in vars(errors).items():
        if isinstance(cls, type) and issubclass(cls, VisopError):
            assert f"{name} " in str(errors.__doc__)


def test_a_model_failure_tells_clients_nothing_of_its_detail() -> None:
    error = ModelFailed("/home/me/model.py exploded")
    assert str(error) == "the model failed on this input"
    assert error.detail == "/home/me/model.py exploded"


def test_what_a_retry_cannot_mend_decides_the_status_of_a_call() -> None:
    assert BadItems({"urls[0]": FetchUnavailable("slow")}).code is grpc.StatusCode.UNAVAILABLE
    mixed = BadItems({"urls[0]": FetchUnavailable("slow"), "datas[1]": ImageDecodeError("bad")})
    assert mixed.code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_summary_names_every_bad_input_with_those_of_the_same_reason_together() -> None:
    items = {f"datas[{i}]": ImageDecodeError("not an image") for i in (0, 1, 2, 5)}
    text = summarise({"urls[3]": UrlRejected("no"), **items})
    assert text == "urls[3]: no; datas[0-2], datas[5]: not an image"


def test_a_summary_of_thousands_fits_the_headers_it_travels_in() -> None:
    text = summarise({f"datas[{i * 2}]": ImageDecodeError(f"reason {i}") for i in range(5000)})
    assert len(text) <= 2000
    assert text.startswith("5000 inputs failed: datas[0], datas[2]")

from __future__ import annotations

import pytest

from visop.analyses.routes.originals.refusals import Refused
from visop.analyses.routes.originals.upload import modules_of, parts_of, required, upload_of
from visop.http.body import Body
from visop.http.forms import Part


def test_the_last_file_of_the_name_is_the_picture() -> None:
    parts = [Part("image", b"1", "a.jpg"), Part("other", b"2", "b.jpg"), Part("image", b"3", "../c d.jpg")]
    assert required(upload_of(parts, "image"), "image").data == b"3"
    assert upload_of(parts, "file") is None


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([], "No file was submitted."),
        ([Part("image", b"", "")], "No file was submitted."),
        ([Part("image", b"", "a.jpg")], "The submitted file is empty."),
        ([Part("image", b"text")], "The submitted data was not a file. Check the encoding type on the form."),
    ],
    ids=["nothing", "no name", "empty", "text"],
)
def test_what_is_wrong_is_said_in_the_words_of_the_original(parts: list[Part], text: str) -> None:
    with pytest.raises(Refused) as refused:
        required(upload_of(parts, "image"), "image")
    assert refused.value.answer == {"image": [text]}


@pytest.mark.parametrize("kind", ["", "application/json", "application/x-www-form-urlencoded"])
def test_a_body_that_is_no_form_has_no_file(kind: str) -> None:
    assert parts_of(Body(b'{"image": "x"}', kind)) == []


@pytest.mark.parametrize(
    ("text", "names"), [(None, ["a", "b"]), ("", ["a", "b"]), (" b ", ["b"]), ("b,a,b", ["b", "a"])]
)
def test_modules_are_named_or_else_all(text: str | None, names: list[str]) -> None:
    parts = [] if text is None else [Part("modules", text.encode())]
    assert modules_of(parts, ["a", "b"]) == names


@pytest.mark.parametrize("text", ["c", "a,", "a,c", "\udcff"])
def test_unknown_modules_are_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        modules_of([Part("modules", text.encode("utf-8", "surrogateescape"))], ["a", "b"])
    assert refused.value.answer == ["Module not found. Please check and send again."]

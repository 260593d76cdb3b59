"""Multipart forms; what is wrong with one is tested over HTTP."""

from __future__ import annotations

from visop.http.forms import read_form, read_parts

TYPE = "multipart/form-data; boundary=x"
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="image"; filename="a \xc3\xa9.jpg"\r\n\r\n\x89\r\n'
    b'--x\r\nContent-Disposition: form-data; name="modules"\r\n\r\nfaces\r\n'
    b'--x\r\nContent-Disposition: form-data; name="image"; filename=""\r\n\r\n\r\n--x--\r\n'
)


def test_a_file_has_the_name_that_the_client_gave_it_and_other_parts_have_none() -> None:
    parts = read_parts(FORM, TYPE, 3)
    assert [(part.name, part.file_name) for part in parts] == [("image", "a é.jpg"), ("modules", None), ("image", "")]
    assert [part.content for part in parts] == [b"\x89", b"faces", b""]


def test_contents_are_by_name() -> None:
    assert read_form(FORM, TYPE, 3) == {"image": [b"\x89", b""], "modules": [b"faces"]}

"""Files are read up to a limit, and what is no file is an error in its place."""

import os

import pytest

from visop.errors import ImageTooLarge, InvalidInput
from visop.sources import read_input


def test_a_file_is_read_up_to_the_limit(tmp_path):
    (tmp_path / "12345").write_bytes(b"12345")
    assert read_input(str(tmp_path / "12345"), max_bytes=5) == b"12345"
    error = read_input(str(tmp_path / "12345"), max_bytes=4)
    assert (type(error), str(error)) == (ImageTooLarge, "more than 4 bytes, which is the limit for one image")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs files that do not say their size")
def test_a_file_that_does_not_say_its_size_is_read_to_its_end():
    assert os.stat("/proc/self/status").st_size == 0
    content = read_input("/proc/self/status", max_bytes=100_000)
    assert isinstance(content, bytes)
    assert b"Threads:" in content
    assert isinstance(read_input("/proc/self/status", max_bytes=100), ImageTooLarge)


def test_what_cannot_be_read_is_an_error_in_its_place(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    names = [str(tmp_path / "missing"), str(tmp_path / "pipe"), str(tmp_path), "a\0b"]
    errors = [read_input(name, max_bytes=5) for name in names]
    assert all(isinstance(error, InvalidInput) for error in errors)
    assert list(map(str, errors)) == [
        "cannot be read: No such file or directory", "not a file", "not a file", "not a file name",
    ]  # fmt: skip

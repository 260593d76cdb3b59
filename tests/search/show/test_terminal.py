import hashlib
import io

import numpy as np
import pytest

from tests.conftest import picture_file
from visop.search.schema import Picture
from visop.search.show.terminal import can_preview, half_blocks, preview_of


class Terminal(io.StringIO):
    encoding = "UTF-8"

    def isatty(self):
        return True


def test_two_rows_of_pixels_are_one_line_of_text():
    image = np.array([[[1, 2, 3]], [[4, 5, 6]], [[7, 8, 9]]], np.uint8)
    assert half_blocks(image) == "\033[38;2;1;2;3;48;2;4;5;6m▀\033[0m\n"


@pytest.mark.parametrize(
    ("colour", "no_colour", "can"), [("truecolor", None, True), ("", None, False), ("24bit", "1", False)]
)
def test_a_preview_is_for_terminals_that_say_that_they_can(monkeypatch, colour, no_colour, can):
    monkeypatch.setenv("COLORTERM", colour)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour is not None:
        monkeypatch.setenv("NO_COLOR", no_colour)
    assert can_preview(Terminal()) is can
    assert not can_preview(io.StringIO())


def test_a_picture_that_cannot_be_read_has_no_preview_and_another_name_of_it_has(settings, tmp_path):
    (tmp_path / "a.png").write_bytes(picture_file((9, 9, 9)))
    (tmp_path / "other.png").write_bytes(picture_file((8, 8, 8)))
    id_ = hashlib.sha256(picture_file((9, 9, 9))).hexdigest()
    names = ("http://x/1.png", "/nowhere.png", str(tmp_path / "other.png"))
    assert preview_of(Picture(id_, names, 1, 1, 1, 1, 1), settings) == ""
    assert preview_of(Picture(id_, (*names, str(tmp_path / "a.png")), 1, 1, 1, 1, 1), settings).count("\n") == 6

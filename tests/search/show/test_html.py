import hashlib
import re

import pytest

from tests.conftest import picture_file
from visop.detection import Detection
from visop.errors import UsageError
from visop.search.match import Match, Matches
from visop.search.schema import Picture
from visop.search.show.html import write_search


def picture(*names):
    return Picture(
        hashlib.sha256(picture_file((9, 9, 9))).hexdigest(), tuple(map(str, names)), 16, 12, 1234, 1_600_000_000, 1
    )


def test_a_page_stands_alone_and_escapes_names(tmp_path, settings):
    (tmp_path / "a.png").write_bytes(picture_file((9, 9, 9)))
    evil = '/<script>alert(1)</script>".png'
    found = Match(picture(tmp_path / "a.png", evil), 0.5, 0.875, True), Match(picture("/gone.png"), 1, 0.5, False)
    matches = Matches(found)
    write_search(tmp_path / "page.html", evil, matches, settings)
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="([^"]{0,20})', page) == ["data:image/webp;base"]
    assert "score 0.5000, cosine 0.8750" in page
    assert page.count("a copy") == 1
    assert "cannot be read from here" in page


def test_what_is_no_copy_is_apart_and_closed_if_the_encoder_knows_copies_only(tmp_path, settings):
    found = Match(picture("/copy.png"), 0.1, 0.99, True), Match(picture("/other.png"), 1, 0.5, False)
    for only_copies in (True, False):
        write_search(tmp_path / "page.html", "q", Matches(found, threshold=0.9, only_copies=only_copies), settings)
        page = (tmp_path / "page.html").read_text("utf-8")
        assert '<p class="found">One copy found.</p>' in page
        assert page.index("/copy.png") < page.index("no copy") < page.index("/other.png")
        assert ("<details>" in page) == only_copies


def test_the_part_that_matched_is_outlined(tmp_path, settings):
    (tmp_path / "a.png").write_bytes(picture_file((9, 9, 9)))
    part = Detection((2.0, 3.0, 4.0, 5.0), "window")
    found = Match(picture(tmp_path / "a.png"), 0.5, 0.875, True, number=4, part=part, view=(0.0, 0.0, 8.0, 6.0))
    write_search(tmp_path / "page.html", "q", Matches([found], threshold=0.5), settings)
    page = (tmp_path / "page.html").read_text("utf-8")
    assert '<svg viewBox="0 0 16 12"' in page
    assert '<rect x="2.0" y="3.0" width="4.0" height="5.0"/>' in page
    assert "its part 4 (window) at 2,3,4,5, your picture at 0,0,8,6" in page


def test_a_query_whose_name_is_no_text_is_shown_as_far_as_it_is(tmp_path, settings):
    write_search(tmp_path / "page.html", "caf\udce9.png", Matches([]), settings)
    assert "<h1>Pictures like caf\ufffd.png</h1>" in (tmp_path / "page.html").read_text("utf-8")


def test_a_page_that_cannot_be_written_is_named(tmp_path, settings):
    with pytest.raises(UsageError, match=r"^html .*none/page.html: No such file"):
        write_search(tmp_path / "none" / "page.html", "q", Matches([]), settings)


def test_a_page_says_where_there_is_nothing_to_compare(tmp_path, settings):
    empty = Match(picture("/empty.png"), 0, 1, None, nearly_empty=True)
    write_search(tmp_path / "page.html", "q", Matches([empty], marked=0.5), settings)
    assert "cosine 1.0000, nearly empty: nothing to compare" in (tmp_path / "page.html").read_text()
    write_search(tmp_path / "page.html", "q", Matches([empty], marked=0.001), settings)
    assert "There is nearly nothing on the picture that was searched with" in (tmp_path / "page.html").read_text()

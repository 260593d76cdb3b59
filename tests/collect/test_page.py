from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visop.collect.page import Picture, find_pictures

PAGE = "http://example.org/dir/page.html"


def urls(html: str | bytes, content_type: str = "text/html; charset=utf-8", links: bool = False) -> list[str]:
    data = html.encode() if isinstance(html, str) else html
    return [picture.url for picture in find_pictures(data, content_type, PAGE, links=links)]


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<img src=a.jpg>", "http://example.org/dir/a.jpg"),
        ("<IMG SRC='/a.jpg'>", "http://example.org/a.jpg"),
        ("<img src=//cdn.test/a.jpg>", "http://cdn.test/a.jpg"),
        ("<img src='a b.jpg#part'>", "http://example.org/dir/a%20b.jpg"),
        ("<img src='  a\n.jpg '>", "http://example.org/dir/a.jpg"),
        ("<img src='..\\a.jpg'>", "http://example.org/a.jpg"),
        ("<img src='/größe.jpg?ü'>", "http://example.org/gr%C3%B6%C3%9Fe.jpg?%C3%BC"),
        ("<img src='//bücher.example/a.jpg'>", "http://xn--bcher-kva.example/a.jpg"),
        ("<img src='a.jpg?x=1&amp;y=2'>", "http://example.org/dir/a.jpg?x=1&y=2"),
        ("<img src=s.jpg srcset='m.jpg 400w, l.jpg 800w'>", "http://example.org/dir/l.jpg"),
        ("<img src=s.jpg srcset='m.jpg 1.5x, l.jpg 2x'>", "http://example.org/dir/l.jpg"),
        ("<img src=wait.gif data-src=a.jpg>", "http://example.org/dir/a.jpg"),
        ("<img src=wait.gif data-lazy-src=a.jpg>", "http://example.org/dir/a.jpg"),
        ("<img src=wait.gif data-original=a.jpg>", "http://example.org/dir/a.jpg"),
        ("<img src=wait.gif data-lazy=/a>", "http://example.org/a"),
        ("<img src=a.jpg data-lazy=true>", "http://example.org/dir/a.jpg"),
        ("<img src=s.jpg data-srcset='l.jpg 800w, s.jpg 100w'>", "http://example.org/dir/l.jpg"),
        ("<img srcset='wait.gif 1w' data-src=a.jpg>", "http://example.org/dir/a.jpg"),
        ("<img srcset='wait.gif 4000w' data-srcset='l.jpg 800w'>", "http://example.org/dir/l.jpg"),
        ("<img srcset='l.jpg 800w' data-src='data:image/gif;base64,R0lG'>", "http://example.org/dir/l.jpg"),
        (
            "<picture><source srcset='wait.gif 9w' data-srcset='l.webp 8w'><img src=wait.gif data-src=s.jpg></picture>",
            "http://example.org/dir/l.webp",
        ),
        ("<img src=s.jpg data-lazy-srcset='l.jpg 800w'>", "http://example.org/dir/l.jpg"),
        ("<img src=a.jpg srcset='data:image/gif;base64,R0lG 1x'>", "http://example.org/dir/a.jpg"),
        ("<picture><source srcset='l.webp 800w'><img src=s.jpg></picture>", "http://example.org/dir/l.webp"),
        (
            "<picture><source type=image/jxl srcset='l.jxl 9x'><img src=s.jpg></picture>",
            "http://example.org/dir/s.jpg",
        ),
        (
            "<picture><source type=image/avif srcset='l.avif 9x'><img src=s.jpg></picture>",
            "http://example.org/dir/l.avif",
        ),
        ("<picture><source srcset='x.jpg 9x'></picture><img src=s.jpg>", "http://example.org/dir/s.jpg"),
        ("<video><source src=film.mp4></video><img src=s.jpg>", "http://example.org/dir/s.jpg"),
        ("<meta property=og:image content=/p.jpg>", "http://example.org/p.jpg"),
        ("<noscript><img src=a.jpg></noscript>", "http://example.org/dir/a.jpg"),
        ("<img src=a.jpg><base href=/other/><base href=/not/>", "http://example.org/other/a.jpg"),
        ("<base href='javascript:x'><img src=a.jpg>", "http://example.org/dir/a.jpg"),
        ("<img src='javascript:alert(1)'>", "javascript:alert(1)"),
        ("<img src='file:///etc/passwd'>", "file:///etc/passwd"),
        ("<img src='http://['>", "http://["),
    ],
)
def test_a_picture_is_found(html: str, found: str) -> None:
    assert urls(html) == [found]


@pytest.mark.parametrize(
    "html",
    [
        "",
        " ",
        "no tags",
        "<img>",
        "<img src=''>",
        "<img src='  '>",
        "<!-- <img src=a> -->",
        "<script>'<img src=a>'</script>",
        "<a href=a.jpg>linked</a>",
        "\x00",
        "<![foo[",
        "&#xD800;",
        "<?xml version='1.0' encoding='utf-16'?>",
    ],
)
def test_nothing_is_found_where_nothing_is(html: str) -> None:
    assert urls(html) == []


def test_links_to_image_files_come_first_when_asked_for() -> None:
    html = "<a href=big.jpg?x title=Cat><img src=small.jpg></a><a href=page.html>no</a>"
    assert urls(html, links=True) == ["http://example.org/dir/big.jpg?x", "http://example.org/dir/small.jpg"]


@pytest.mark.parametrize("href", ["big.JPG#x", "big.JPG?a=b.html#x", " big.JPG "])
def test_a_link_to_an_image_file_is_known_by_the_end_of_its_path(href: str) -> None:
    assert len(urls(f"<a href='{href}'>big</a>", links=True)) == 1
    assert urls("<a href='page.html#x.jpg'>no</a><a href='page.html?x.jpg'>no</a>", links=True) == []


def test_a_picture_is_found_once_with_its_text() -> None:
    html = b"<meta property=og:image content=a.jpg><img src=a.jpg alt=' A cat '><img src=a.jpg alt=again>"
    assert find_pictures(html, "", PAGE) == [Picture("http://example.org/dir/a.jpg", "A cat")]


@pytest.mark.parametrize(
    ("html", "content_type"),
    [
        ("<img src=ü>".encode("latin-1"), "text/html; charset=iso-8859-1"),
        ("<meta charset=windows-1252><img src=ü>".encode("cp1252"), "text/html"),
        ("<meta charset=latin-1><img src=ü>".encode(), "text/html; charset=utf-8"),
        ("<img src=ü>".encode("utf-16"), "text/html; charset=utf-8"),
        ("<img src=ü>".encode(), "text/html; charset=no-such-thing"),
    ],
)
def test_the_encoding_is_found(html: bytes, content_type: str) -> None:
    assert urls(html, content_type) == ["http://example.org/dir/%C3%BC"]


def test_text_of_another_encoding_than_said_does_not_end_the_page() -> None:
    assert urls(b"<p>\xff\xfe\xe4</p><img src=a.jpg>") == ["http://example.org/dir/a.jpg"]


@given(st.binary() | st.text("<>!-/=\"'& \x00aimgsrc[]?#;\ud7ff").map(lambda text: text.encode()))
def test_any_bytes_are_read(html: bytes) -> None:
    find_pictures(html, "text/html", PAGE, links=True)


# A quarter of what is read of a page; what is quadratic takes half a minute and more for it.
SIZE = 1024 * 1024


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        ("", "<div>"),
        ("", "<b><i><a>"),
        ("", "<table>"),
        ("<img ", "a{} "),
        ("", "<!--"),
        ("", "<!x "),
        ("", "<?"),
        ("", "</a "),
        ("", '<a x="'),
        ("<textarea>", "</textarea "),
        ("<script>", "<!--<script>"),
        ("<img alt='", "&amp"),
        ("<img src='", "a"),
        ("", "<picture><source srcset='a 1x, b 2x'>"),
        (f"<base href='/{'a' * 500_000}/'>", "<img src={}>"),
    ],
)
def test_the_time_for_a_hostile_page_is_bounded(start: str, piece: str) -> None:
    count = (SIZE - len(start)) // len(piece)
    html = start + ("".join(map(piece.format, range(count // 2))) if "{}" in piece else piece * count)
    began = time.process_time()
    urls(html)
    assert time.process_time() - began < 10


def test_deep_nesting_hides_no_picture() -> None:
    assert urls("<div>" * 100_000 + "<img src=/a.jpg>") == ["http://example.org/a.jpg"]


def test_of_several_sizes_the_largest_come_first() -> None:
    html = b"<img src=s.jpg srcset='a.jpg 100w, c.jpg 300w, b.jpg 200w'><img src=c.jpg alt=text><img src=s.jpg>"
    first, second = find_pictures(html, "", PAGE)
    assert first.url == "http://example.org/dir/c.jpg"
    assert first.others == tuple(f"http://example.org/dir/{name}.jpg" for name in "bas")
    assert (first.alt, second.url) == ("text", "http://example.org/dir/s.jpg")


def test_what_the_page_holds_itself_stands_for_the_picture_until_it_is_there() -> None:
    html = b"<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' srcset='a.jpg 1x'>"
    (found,) = find_pictures(html, "", PAGE)
    assert (found.url, found.others) == ("http://example.org/dir/a.jpg", ())

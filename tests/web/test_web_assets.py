from __future__ import annotations

import re
from pathlib import Path

import pytest

import visop.web
from tests.web.conftest import Site

PAGE = Path(visop.web.__file__).parent / "page"


def test_the_page_runs_no_code_but_its_own(site: Site) -> None:
    policy = site.web.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    html = (PAGE / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", html)


@pytest.mark.parametrize("name", ["index.html", "page.css", "page.js"])
def test_nothing_comes_from_elsewhere(name: str) -> None:
    addresses = re.findall(r"(?:https?:|[\"'(])//[\w.-]+\.\w+", (PAGE / name).read_text())
    assert set(addresses) <= {"https://example.org"}  # an example in a message


def test_the_script_makes_no_html_out_of_text() -> None:
    script = (PAGE / "page.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript"), ("/icon.svg", "image/svg+xml")],
)
def test_a_file_of_the_page_is_sent_again_only_if_it_changed(site: Site, path: str, media_type: str) -> None:
    answer = site.web.get(path)
    assert answer.headers["content-type"].startswith(media_type)
    again = site.web.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_label_of_the_page_names_something() -> None:
    html = (PAGE / "index.html").read_text()
    ids = set(re.findall(r'\bid="([^"]+)"', html))
    for attribute in ("for", "aria-labelledby"):
        assert set(re.findall(rf'\b{attribute}="([^"]+)"', html)) <= ids
    script = (PAGE / "page.js").read_text()
    assert set(re.findall(r'\$\("([^"]+)"\)', script)) <= ids

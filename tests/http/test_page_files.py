"""The page of a processor, without a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from tests.conftest import Running
from tests.toys import ToyOperator, ToyProcessor
from visop.http.endpoint import Endpoint
from visop.http.page_files import parts_page_files
from visop.http.server import HttpServer
from visop.serving.part_encoder import PartEncoder

FILES = {file.name: file.read_text() for file in sorted(parts_page_files(), key=lambda each: each.name)}
HTML = FILES["index.html"]
MODULES = {name: text for name, text in FILES.items() if name.endswith(".js")}
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@pytest.mark.parametrize("name", FILES)
def test_a_processor_has_a_page_whose_files_are_sent_again_only_if_they_changed(
    finding: tuple[Running, httpx.Client], name: str
) -> None:
    path = "/" if name == "index.html" else f"/parts/{name}"
    answer = finding[1].get(path)
    assert (answer.status_code, answer.text) == (200, FILES[name])
    assert answer.headers["content-type"].startswith(TYPES[Path(name).suffix])
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    again = finding[1].get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_pipeline_has_the_page_and_an_encoder_of_whole_pictures_has_none(
    start_both: Callable[..., tuple[Running, httpx.Client]], web: httpx.Client
) -> None:
    pipeline = start_both(PartEncoder(ToyProcessor(), ToyOperator()))[1]
    assert pipeline.get("/").text == pipeline.get("/parts").text == HTML
    assert web.get("/").status_code == web.get("/parts").status_code == 404


def test_a_page_of_its_own_at_the_root_leaves_that_of_parts_in_its_place(start_both: Callable[..., Any]) -> None:
    def extend(app: FastAPI, _endpoint: Endpoint) -> None:
        app.get("/")(lambda: PlainTextResponse("search"))

    web = start_both(ToyProcessor(), make=partial(HttpServer, extend=extend))[1]
    assert (web.get("/").text, web.get("/parts").text) == ("search", HTML)


def test_the_page_runs_no_code_but_its_own_and_makes_no_html_out_of_text() -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", HTML)
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    assert [name for name, script in MODULES.items() if re.search(forbidden, script)] == []
    addresses = {found for text in FILES.values() for found in re.findall(r"https?://[\w.-]+", text)}
    assert addresses <= {"http://www.w3.org"}  # a name of SVG


def test_the_page_asks_for_every_file_that_it_needs_and_has_every_id() -> None:
    linked = set(re.findall(r'<(?:link|script|img)\b[^>]*?\b(?:href|src)="([^"]+)"', HTML))
    assert linked == {f"parts/{name}" for name in FILES if name != "index.html"}
    ids = set(re.findall(r'\bid="([^"]+)"', HTML))
    assert set(re.findall(r'\$\("([^"]+)"\)', "".join(MODULES.values()))) <= ids

"""The page of analyses, without a browser."""

from __future__ import annotations

import asyncio
import re

import httpx
from fastapi import FastAPI

from visop.analyses.routes.page import add_page, page_files, page_router

FILES = {file.name: file.read_text() for file in sorted(page_files(), key=lambda each: each.name)}
HTML = FILES["index.html"]
MODULES = {name: text for name, text in FILES.items() if name.endswith(".js")}


def test_a_browser_gets_from_the_root_to_the_page_and_all_others_to_what_is_there() -> None:
    app = FastAPI()
    add_page(app)
    app.get("/")(lambda: {"count": 0})
    browser = answer_of(app, "/", "text/html,application/xhtml+xml,*/*;q=0.8")
    assert (browser.status_code, browser.headers["location"]) == (303, "page")
    assert answer_of(app, "/", "*/*").json() == {"count": 0}
    assert answer_of(app, "/page", "*/*").text == HTML


def answer_of(app: FastAPI, path: str, accept: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as web:
            return await web.get(path, headers={"Accept": accept})

    return asyncio.run(ask())


def test_every_file_has_a_path_below_the_page_and_the_page_one_of_its_own() -> None:
    paths = {getattr(route, "path", "") for route in page_router().routes}
    assert paths == {"/page", *(f"/page/{name}" for name in FILES if name != "index.html")}


def test_the_page_runs_no_code_but_its_own_and_makes_no_html_out_of_text() -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", HTML)
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    assert [name for name, script in MODULES.items() if re.search(forbidden, script)] == []
    addresses = {found for text in FILES.values() for found in re.findall(r"https?://[\w.-]+", text)}
    assert addresses <= {"http://www.w3.org"}  # a name of SVG


def test_the_page_asks_for_every_file_that_it_needs_and_has_every_id() -> None:
    linked = set(re.findall(r'<(?:link|script|img)\b[^>]*?\b(?:href|src)="([^"]+)"', HTML))
    assert linked == {f"page/{name}" for name in FILES if name != "index.html"}
    ids = set(re.findall(r'\bid="([^"]+)"', HTML))
    assert set(re.findall(r'\$\("([^"]+)"\)', "".join(MODULES.values()))) <= ids

from __future__ import annotations

import re
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path

import httpx
import pytest

from tests.toys import ToyProcessor
from tests.web.conftest import Site
from visop.errors import UsageError
from visop.serving.pipeline import Pipeline
from visop.serving.server import Server
from visop.settings import Settings
from visop.web.assets import groups_page, page_files
from visop.web.search_server import SearchOptions, open_search

FILES = {file.name: file.read_text() for file in page_files()}
HTML = FILES["index.html"]
MODULES = {name: text for name, text in FILES.items() if name.endswith(".js")}
NAMES = sorted(FILES)
MAINS = {"main.js", "groups_file.js", "groups_served.js"}
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def imports_of(module: str) -> set[str]:
    return set(re.findall(r'^(?:import|export)\b[^;]*? from "\./([^"]+)";', MODULES[module], re.MULTILINE))


def needed_by(main: str) -> set[str]:
    found: set[str] = set()
    waiting = {main}
    while waiting:
        found |= waiting
        waiting = set().union(*map(imports_of, waiting)) - found
    return found


def test_the_page_runs_no_code_but_its_own(site: Site) -> None:
    policy = site.web.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", HTML)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_comes_from_elsewhere(name: str) -> None:
    addresses = re.findall(r"(?:https?:|[\"'(])//[\w.-]+\.\w+", FILES[name])
    assert set(addresses) <= {"https://example.org", "http://www.w3.org"}  # an example in a message, a name in the icon


def test_the_scripts_make_no_html_out_of_text() -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    assert [name for name, script in MODULES.items() if re.search(forbidden, script)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_the_page_is_sent_again_only_if_it_changed(site: Site, name: str) -> None:
    path = "/" if name == "index.html" else f"/{name}"
    answer = site.web.get(path)
    assert answer.status_code == 200
    assert answer.content == FILES[name].encode()
    assert answer.headers["content-type"].startswith(MEDIA_TYPES[Path(name).suffix])
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"] == site.web.get("/").headers["content-security-policy"]
    again = site.web.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_page_asks_for_every_file_that_it_needs() -> None:
    linked = set(re.findall(r'<(?:link|script)\b[^>]*?\b(?:href|src)="([^"]+)"', HTML))
    styles = set(re.findall(r'"([^"]+\.css)"', HTML))
    assert linked == needed_by("main.js") | styles | {"icon.svg"}


def test_the_modules_import_each_other_one_way_and_none_is_left_over() -> None:
    graph = {module: imports_of(module) for module in MODULES}
    assert set().union(*graph.values()) == set(MODULES) - MAINS
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize(("page", "main"), [(HTML, "main.js"), (groups_page(), "groups_served.js")])
def test_every_id_that_the_page_speaks_of_is_there(page: str, main: str) -> None:
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    for attribute in ("for", "aria-labelledby"):
        assert set(re.findall(rf'\b{attribute}="([^"]+)"', page)) <= ids
    for module in needed_by(main):
        assert set(re.findall(r'\$\("([^"]+)"\)', MODULES[module])) <= ids


def test_what_finds_parts_has_their_page_where_there_is_nothing_to_index(tmp_path: Path) -> None:
    settings = Settings(endpoint="127.0.0.1:0", http_endpoint="127.0.0.1:0", cache_dir=tmp_path)
    operator, options = ToyProcessor(), SearchOptions(str(tmp_path / "test.db"), "test")
    with Pipeline(operator, settings) as pipeline:
        with (
            open_search(options, settings, operator, pipeline) as companions,
            Server(operator, pipeline, settings, companions) as server,
        ):
            page = httpx.get(f"http://{server.companion_addresses['http']}/").text
        assert "<title>What is in a picture</title>" in page
        with_pictures = replace(options, pictures=[str(tmp_path)])
        with (
            pytest.raises(UsageError, match="is a processor"),
            open_search(with_pictures, settings, operator, pipeline),
        ):
            pass


def test_the_page_of_search_leads_to_that_of_parts(site: Site) -> None:
    assert 'id="boxes" href="parts" hidden' in HTML
    told = site.web.get("/v1/identity").json()
    assert (told["type"], told["parts"]) == ("encoder", "")  # so that it stays hidden

"""The modules of a page import what they use of each other: a browser tells of it only when it runs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib.resources.abc import Traversable

import pytest

from visop.analyses.routes import page
from visop.http.page_files import parts_page_files


@pytest.mark.parametrize("page_files", [parts_page_files, page.page_files], ids=["parts", "analyses"])
def test_every_module_imports_the_functions_of_others_that_it_calls(
    page_files: Callable[[], Iterable[Traversable]],
) -> None:
    texts = {each.name: each.read_text() for each in page_files() if each.name.endswith(".js")}
    exported = {name: set(re.findall(r"export (?:async )?function ([\w$]+)", text)) for name, text in texts.items()}
    functions = set().union(*exported.values())
    assert "scoreText" in functions
    for name, text in texts.items():
        known = set(re.findall(r"[\w$]+", " ".join(re.findall(r"import \{([^}]*)\}", text)))) | exported[name]
        called = set(re.findall(r"(?<![\w$.])([\w$]+)\(", text)) & functions
        local = set(re.findall(r"(?:function|const|let) ([\w$]+)", text))
        assert called <= known | local, name

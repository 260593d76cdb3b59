"""The modules of the page import what they use of each other: a browser tells of it only when it runs them."""

from __future__ import annotations

import re
from importlib.resources import files

PAGE = files("visop.http").joinpath("page")


def test_every_module_imports_the_functions_of_others_that_it_calls() -> None:
    texts = {each.name: each.read_text() for each in PAGE.iterdir() if each.name.endswith(".js")}
    exported = {name: set(re.findall(r"export (?:async )?function ([\w$]+)", text)) for name, text in texts.items()}
    functions = set().union(*exported.values())
    assert "scoreText" in functions
    for name, text in texts.items():
        known = set(re.findall(r"[\w$]+", " ".join(re.findall(r"import \{([^}]*)\}", text)))) | exported[name]
        called = set(re.findall(r"(?<![\w$.])([\w$]+)\(", text)) & functions
        local = set(re.findall(r"(?:function|const|let) ([\w$]+)", text))
        assert called <= known | local, name

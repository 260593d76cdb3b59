"""The scripts and styles of a page as one text each, for a page that is a single file."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from graphlib import TopologicalSorter
from importlib.resources import files

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|function) ([\w$]+))", re.MULTILINE)


def page_file(name: str) -> str:
    """The text of a file of ``page/``, or of those that all pages have."""
    own = files(__package__).joinpath("page").joinpath(name)
    return (own if own.is_file() else files("visop.page").joinpath(name)).read_text("utf-8")


def bundled_script(main: str) -> str:
    """A module and all that it imports, as one module: a page that is a file cannot import others.

    Each module becomes a function, so that names which two of them use for themselves do not meet. That is all it can
    do: imports of named things from the same folder, exports of constants and functions.
    """
    graph = modules_of(main)
    bodies = [_as_function(name) for name in TopologicalSorter(graph).static_order()]
    return "\n".join(["const modules = {};", *bodies])


def bundled_style(names: Sequence[str]) -> str:
    """Style sheets, one after the other."""
    return "\n".join(map(page_file, names))


def modules_of(main: str) -> dict[str, list[str]]:
    """A module and all that it needs -> what each imports."""
    graph: dict[str, list[str]] = {}
    waiting = [main]
    while waiting:
        if (name := waiting.pop()) not in graph:
            graph[name] = [found[2] for found in _IMPORT.finditer(page_file(name))]
            waiting += graph[name]
    return graph


def content_hash(text: str) -> str:
    """What a Content-Security-Policy calls an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _as_function(name: str) -> str:
    text = page_file(name)
    exported = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub("", _IMPORT.sub(r'const {\1} = modules["\2"];' + "\n", text))
    return f'modules["{name}"] = (() => {{\n{body}return {{ {exported} }};\n}})();'

"""Where things are: every module with the first sentence of its docstring, read without importing it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from markdown import code, table

_ROOT = Path(__file__).parents[2] / "visop"


def reference() -> str:
    """Every package with its modules."""
    packages = sorted({path.parent for path in _ROOT.rglob("*.py")})
    return "\n\n".join(
        f"## {package.relative_to(_ROOT.parent)}\n\n{_modules(package)}"
        for package in packages
        if list(_written(package))
    )


def _modules(package: Path) -> str:
    return table(["module", "what it is about"], ([code(path.name), _about(path)] for path in _written(package)))


def _written(package: Path) -> Iterator[Path]:
    """Not the stubs, which are generated, and not the packages' own modules, most of which are empty."""
    return (path for path in sorted(package.glob("*.py")) if path.name != "__init__.py" and "_pb2" not in path.name)


def _about(path: Path) -> str:
    text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].split())
    first = re.match(r".*?[.!?](?= [A-Z]|$)", text)
    return (first[0] if first else text).replace("``", "`")

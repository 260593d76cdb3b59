"""Which status every error has, over gRPC and over HTTP."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType

from markdown import block, code, table

from visop import errors
from visop.errors import VisopError
from visop.http.problems import STATUSES
from visop.rpc.statuses import code_of
from visop.search import errors as search_errors

# The first ends with the status of the worst of its inputs, the second with the one that it brought.
_VARIES = {"BadItems": "that of its inputs", "RemoteError": "that of the answer"}


def reference() -> str:
    """Every error that a call can end with."""
    return table(["error", "meaning", "gRPC", "HTTP"], map(_row, _classes(errors)))


def classes() -> str:
    """Every error with its docstring, for Sphinx."""
    entries = (
        f".. autoexception:: {each.__module__}.{each.__name__}\n   :members:\n   :show-inheritance:"
        for module in (errors, search_errors)
        for each in _classes(module)
    )
    return block("\n\n".join(entries), "{eval-rst}")


def _classes(module: ModuleType) -> Iterator[type[VisopError]]:
    """Those that are defined there."""
    found = (each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, VisopError))
    return (each for each in found if each.__module__ == module.__name__)


def _row(cls: type[VisopError]) -> list[str]:
    summary = str(inspect.getdoc(cls)).partition("\n\n")[0].replace("``", "`")
    if varies := _VARIES.get(cls.__name__):
        return [code(cls.__name__), summary, varies, varies]
    status = code_of(cls.__new__(cls))
    return [code(cls.__name__), summary, code(status.name), str(STATUSES[status])]

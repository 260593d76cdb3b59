"""Every metric, from the registry itself."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from markdown import code, table

import visop.http.count_requests
import visop.metrics
from visop.metrics.analyses import ANALYSES
from visop.metrics.registry import REGISTRY

# Those of the library, which documents them.
_OTHERS = ("process_", "python_")


def reference() -> str:
    """Name, labels and meaning of each."""
    for module in pkgutil.iter_modules(visop.metrics.__path__, "visop.metrics."):
        importlib.import_module(module.name)
    ours = [each for each in _collectors() if not each._name.startswith(_OTHERS)]
    rows = [*map(_row, ours), *([code(name), "gauge", "", text] for name, text in ANALYSES.values())]
    return table(["metric", "type", "labels", "meaning"], sorted(rows))


def _collectors() -> list[Any]:
    """The registry has no public way to the labels of what it has."""
    return [each for each in vars(REGISTRY)["_collector_to_names"] if hasattr(each, "_labelnames")]


def _name(metric: Any) -> str:
    return f"{metric._name}_total" if metric._type == "counter" else str(metric._name)


def _row(metric: Any) -> list[str]:
    labels = ", ".join(map(code, metric._labelnames))
    return [code(_name(metric)), metric._type, labels, metric._documentation]

"""Which classes are of the systems that visop replaces, by their methods."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from visop.contract import Operator

#: Of the analysis module (https://github.com/sogang-mm/analysis-module).
BY_PATH = "inference_by_path"
#: Of the engine (https://github.com/zilliztech/phantoscope). Its gallery has ``run`` in the module of the class.
EXECUTE, BULK_EXECUTE, RUN = "execute", "bulk_execute", "run"


def is_of_another_system(named: Any) -> bool:
    """Whether this is a class that an adapter can serve."""
    return inspect.isclass(named) and not issubclass(named, Operator) and (is_analysis(named) or _is_engine(named))


def is_analysis(cls: type) -> bool:
    """Whether it is of the analysis module."""
    return callable(getattr(cls, BY_PATH, None))


def module_run(cls: type) -> Any:
    """The ``run(operator, images, urls)`` beside a class, or None."""
    run = getattr(sys.modules.get(cls.__module__), RUN, None)
    return run if inspect.isfunction(run) and len(inspect.signature(run).parameters) == 3 else None


def _is_engine(cls: type) -> bool:
    if any(callable(getattr(cls, method, None)) for method in (EXECUTE, BULK_EXECUTE, RUN)):
        return True
    return module_run(cls) is not None and hasattr(cls, "type") and hasattr(cls, "name")

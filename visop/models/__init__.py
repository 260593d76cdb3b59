"""The built-in encoder: models by name, their weights, and the runtimes that compute them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from visop.models.engines.engine import EngineOptions
    from visop.models.selection import Selection
    from visop.models.windows import WindowEncoder, Windows

__all__ = ["EngineOptions", "Selection", "WindowEncoder", "Windows"]

_MODULES = {
    "EngineOptions": "visop.models.engines.engine",
    "Selection": "visop.models.selection",
    "WindowEncoder": "visop.models.windows",
    "Windows": "visop.models.windows",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, and only then: whoever reads the registry alone needs no Pillow."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)

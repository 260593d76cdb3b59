"""The built-in encoder: models by name, their weights, and the runtimes that compute them."""

from visop.models.engines.engine import EngineOptions
from visop.models.selection import Selection

__all__ = ["EngineOptions", "Selection"]

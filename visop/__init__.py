"""visop: one class in, one production gRPC image-embedding operator out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from visop.contract import Encoder, Image, OperatorInfo, Processor, Vector
from visop.detection import Detection
from visop.errors import VisopError
from visop.settings import Settings, load_settings

if TYPE_CHECKING:
    from visop.client import Client
    from visop.search import Index

__all__ = [
    "Client",
    "Detection",
    "Encoder",
    "Image",
    "Index",
    "OperatorInfo",
    "Processor",
    "Settings",
    "Vector",
    "VisopError",
    "__version__",
    "load_settings",
]

__version__ = "0.2.0"

# Imported when they are asked for: a client needs gRPC, an index pymilvus, and an operator neither.
_LAZY = {"Client": "visop.client", "Index": "visop.search"}


def __getattr__(name: str) -> Any:
    """Import ``Client`` or ``Index``."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""What a server is and does now: asked for when somebody reads the metrics, and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import Gauge

from visop.contract import OperatorInfo
from visop.metrics.registry import REGISTRY

_NOW = {
    "calls": Gauge("visop_calls_in_flight", "Calls that are being served, over every protocol.", registry=REGISTRY),
    "items": Gauge("visop_items_in_flight", "Inputs from their arrival to their result.", registry=REGISTRY),
    "bytes": Gauge("visop_bytes_in_flight", "Bytes of messages that are held.", registry=REGISTRY),
    "healthy": Gauge("visop_healthy", "1 if the model works and calls are taken, as health says.", registry=REGISTRY),
}
LIMITS = Gauge("visop_limit", "The most that is taken at once: calls, items, bytes.", ["of"], registry=REGISTRY)
OPERATOR = Gauge(
    "visop_operator_info",
    "What is served; always 1.",
    ["name", "type", "fingerprint", "dimension", "metric_type", "precision", "parts"],
    registry=REGISTRY,
)


def watch_server(info: OperatorInfo, now: Mapping[str, Callable[[], float]], limits: Mapping[str, float]) -> None:
    """Show this server.

    Args:
        info: the operator.
        now: what to ask for ``calls``, ``items``, ``bytes`` and ``healthy``.
        limits: of the first three.
    """
    OPERATOR.clear()
    OPERATOR.labels(
        info.name, info.type, info.fingerprint, str(info.dimension), info.metric_type, info.precision, info.parts
    ).set(1)
    for name, ask in now.items():
        _NOW[name].set_function(ask)
    for name, limit in limits.items():
        LIMITS.labels(name).set(limit)


def forget_server() -> None:
    """Let go of the server, which has stopped."""
    OPERATOR.clear()
    for gauge in _NOW.values():
        gauge.set_function(lambda: 0)

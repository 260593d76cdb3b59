"""The application of Celery: one task without arguments, for the database says what there is to do."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from celery import Celery

from visop.errors import UsageError

#: The only task.
TASK = "visop.work"
QUEUE = "visop"

# A message that nobody took for so long is of no use: whoever looks after the queue sends another one.
EXPIRES_S = 30.0

_SCHEMES = ("amqp", "amqps", "redis", "rediss")
_CONNECT_S = 0.8


def make_app(broker: str, *, queue: str = QUEUE, time_limit_s: float | None = None, answer_s: float = 5.0) -> Celery:
    """The application for a broker.

    Args:
        broker: the URL of RabbitMQ (``amqp``, ``amqps``) or Redis (``redis``, ``rediss``).
        queue: its name, so that several services can share a broker.
        time_limit_s: after which a process is killed that is still at the same task.
        answer_s: how long the broker may take to answer.

    Raises:
        UsageError: it is no such URL.
    """
    scheme = check_broker(broker)
    app = Celery("visop", broker=broker, set_as_current=False)
    app.conf.update(
        # Acknowledged when it is done, so that the message of a process that was killed comes again.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_time_limit=time_limit_s,
        task_default_queue=queue,
        task_default_delivery_mode=1,  # not to the disk of the broker: what is lost is said again
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_proc_alive_timeout=60.0,
        worker_cancel_long_running_tasks_on_connection_loss=False,  # what they store is right nevertheless
        broker_connection_timeout=_CONNECT_S,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=_transport(scheme, time_limit_s, answer_s),
        broker_heartbeat=10,
    )
    return app


def check_broker(broker: str) -> str:
    """Return the scheme of the URL of a broker. Raises UsageError if it is none."""
    try:
        parts = urlsplit(broker)
        if parts.scheme in _SCHEMES and parts.hostname:
            return parts.scheme
    except ValueError:
        pass
    raise UsageError("broker", shown(broker), "must be amqp://USER:PASSWORD@HOST or redis://HOST")


def shown(broker: str) -> str:
    """The URL of a broker without user and password."""
    scheme, _, rest = broker.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if rest else "..."


def _transport(scheme: str, time_limit_s: float | None, answer_s: float) -> dict[str, Any]:
    if scheme.startswith("amqp"):
        return {"confirm_publish": True, "connect_timeout": _CONNECT_S, "write_timeout": answer_s}
    # Redis hands a message out again when it was not acknowledged for so long.
    visible_s = 2 * (time_limit_s or 600.0)
    return {
        "visibility_timeout": visible_s,
        "socket_connect_timeout": _CONNECT_S,
        "socket_timeout": answer_s,
        "retry_on_timeout": False,
    }

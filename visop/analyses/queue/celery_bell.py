"""Ring by a message to the broker."""

from __future__ import annotations

from kombu.exceptions import KombuError, OperationalError

from visop.analyses.errors import BrokerUnavailable
from visop.analyses.queue.celery_app import EXPIRES_S, QUEUE, TASK, make_app, shown

# Once more on a new connection: that of the pool may be of a broker that was restarted since.
_RETRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
_ANSWER_S = 0.8


class CeleryBell:
    """Sends a message to the workers of Celery. See ``Bell``.

    Args:
        broker: its URL.
        queue: its name.
    """

    def __init__(self, broker: str, queue: str = QUEUE) -> None:
        self._app, self._shown = make_app(broker, queue=queue, answer_s=_ANSWER_S), shown(broker)

    def ring(self) -> None:
        """Send the message, and wait until the broker has it."""
        try:
            self._app.send_task(TASK, expires=EXPIRES_S, retry=True, retry_policy=_RETRY, confirm_timeout=_ANSWER_S)
        except (KombuError, OperationalError, OSError) as error:
            raise BrokerUnavailable(f"the broker {self._shown} does not answer") from error

    def close(self) -> None:
        """Close the connections."""
        self._app.close()

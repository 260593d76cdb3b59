"""How a running operator is, asked again and again, so that health tells it before a caller finds out."""

from __future__ import annotations

import logging
import threading

from visop.errors import Unreachable, VisopError
from visop.serving.remote.operator import RemoteOperator

logger = logging.getLogger(__name__)


class Watch:
    """Asks a running operator what it is and whether it works, in a thread of its own.

    Args:
        operator: connected.
        interval_s: between two questions, in seconds.
    """

    def __init__(self, operator: RemoteOperator, interval_s: float) -> None:
        self._operator, self._interval_s = operator, interval_s
        self._trouble: str | None = None
        self._refusal: Unreachable | None = None
        self._now, self._closed = threading.Event(), False
        self._thread = threading.Thread(target=self._loop, name="visop-watch", daemon=True)
        self._thread.start()

    def trouble(self) -> str | None:
        """What is wrong with the operator, or None."""
        return self._trouble

    def refusal(self) -> Unreachable | None:
        """Why nothing may be sent to it: it is gone, or another operator has its place; or None."""
        return self._refusal

    def ask_now(self) -> None:
        """Ask it without waiting, because a call failed."""
        self._now.set()

    def close(self) -> None:
        """Stop asking. A question under way ends with the connection, or its time."""
        self._closed = True
        self._now.set()

    def _loop(self) -> None:
        while not self._closed:
            if not self._now.wait(self._interval_s):
                self._ask()
            elif not self._closed:
                self._now.clear()
                self._ask()

    def _ask(self) -> None:
        refusal: Unreachable | None = None
        try:
            trouble = self._operator.trouble()
        except Unreachable as error:
            trouble, refusal = str(error), error
        except VisopError as error:
            trouble = getattr(error, "detail", str(error))
        except Exception as error:  # noqa: BLE001 - this thread must go on asking
            trouble = f"{self._operator.name}: {type(error).__name__}"
        if self._closed:  # and perhaps the connection with it
            return
        self._tell(trouble)
        self._trouble, self._refusal = trouble, refusal

    def _tell(self, trouble: str | None) -> None:
        if trouble and trouble != self._trouble:
            logger.error("a part of the pipeline is missing: %s", trouble)
        elif self._trouble and not trouble:
            logger.warning("%s works again", self._operator.name)

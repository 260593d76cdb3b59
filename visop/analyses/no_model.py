"""In place of a pipeline where HTTP serves no operator of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from visop.errors import VisopError


class NoModel:
    """Takes no inputs. See ``visop.http.endpoint.TakesInputs``.

    Args:
        trouble: why the service cannot be used now, or None; must not wait.
    """

    def __init__(self, trouble: Callable[[], str | None]) -> None:
        self.trouble = trouble

    def start(self, *_: Any, **__: Any) -> Any:
        """Refuse: no route of this server gives it inputs. Raises VisopError."""
        raise VisopError("no operator is served here")

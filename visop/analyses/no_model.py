"""In place of a pipeline where HTTP serves no operator of its own."""

from __future__ import annotations

from typing import Any

from visop.errors import VisopError


class NoModel:
    """Takes no inputs. See ``visop.http.endpoint.TakesInputs``."""

    def trouble(self) -> str | None:
        """Nothing is wrong with it."""
        return None

    def start(self, *_: Any, **__: Any) -> Any:
        """Refuse: no route of this server gives it inputs. Raises VisopError."""
        raise VisopError("no operator is served here")

"""Call a running operator for stored analyses."""

from __future__ import annotations

from collections.abc import Sequence

from visop.analyses.operators import OperatorResult
from visop.client import HEALTHY, Backoff, Client
from visop.contract import OperatorInfo, Vector
from visop.errors import ModelFailed, VisopError

# Health is asked by people who wait for a list of all operators.
_HEALTH_S = 2.0


class Remote:
    """An operator at HOST:PORT. See ``RunsOperator``.

    Args:
        name: as analyses name it.
        target: HOST:PORT.
        backoff: retries of one call. What must wait longer is queued again instead.
    """

    def __init__(self, name: str, target: str, backoff: Backoff | None = None) -> None:
        self.name, self.target = name, target
        backoff = backoff or Backoff(retries=2)
        self._client, self._background = (Client(target, backoff=backoff, background=each) for each in (False, True))
        self._health = Client(target, timeout_s=_HEALTH_S, backoff=Backoff(retries=0))
        self._info: OperatorInfo | None = None

    @property
    def info(self) -> OperatorInfo:
        """What it said of itself when it was last asked."""
        return self._info or self._ask()

    def run(
        self, pictures: Sequence[bytes], timeout_s: float, *, bulk: bool = False
    ) -> list[OperatorResult | VisopError]:
        """One result for each picture. See ``RunsOperator.run``."""
        try:
            return self._run(self._background if bulk else self._client, pictures, timeout_s)
        except VisopError:
            self._info = None  # another operator may answer there next
            raise

    def _run(self, client: Client, pictures: Sequence[bytes], timeout_s: float) -> list[OperatorResult | VisopError]:
        if not _finds_parts(self.info):
            vectors = client.encode_partial(images=pictures, timeout_s=timeout_s)
            return [each if isinstance(each, VisopError) else self._encoded(each) for each in vectors]
        found = client.detect_partial(images=pictures, timeout_s=timeout_s)
        return [each if isinstance(each, VisopError) else OperatorResult(detections=tuple(each)) for each in found]

    def _encoded(self, vector: Vector) -> OperatorResult | VisopError:
        try:
            return OperatorResult.of_vector(vector, self.info)
        except ModelFailed as error:
            return error

    def trouble(self) -> str | None:
        """Why it cannot be used now."""
        try:
            self._ask()
            found = self._health.health()
        except VisopError as error:
            self._info = None
            return str(error)
        return None if found == HEALTHY else found

    def close(self) -> None:
        """Close the connections."""
        for client in (self._client, self._background, self._health):
            client.close()

    def _ask(self) -> OperatorInfo:
        self._info = self._health.identity().operator
        return self._info


def _finds_parts(info: OperatorInfo) -> bool:
    return info.type == "processor" or bool(info.parts)

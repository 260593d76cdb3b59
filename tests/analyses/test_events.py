"""Events: who may listen."""

from __future__ import annotations

import asyncio

import pytest

from visop.analyses.events import Events
from visop.errors import Overloaded


def test_no_more_may_listen_than_leave_connections_for_others() -> None:
    events = Events(lambda: False, look_s=0.01, most=1)

    async def listen() -> None:
        events.check()
        stream = events.stream("job", lambda: {"state": "running"})
        await anext(stream)
        with pytest.raises(Overloaded, match="1 follow"):
            events.check()
        await stream.aclose()
        events.check()

    asyncio.run(listen())

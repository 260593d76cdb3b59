"""What ``TimedProtocol`` needs of uvicorn's private class, so that an update that takes it away fails here first."""

from __future__ import annotations

import inspect

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from visop.http.timeouts import TimedProtocol

OVERRIDDEN = {
    "connection_made": ["self", "transport"],
    "connection_lost": ["self", "exc"],
    "data_received": ["self", "data"],
    "handle_events": ["self"],
    "pause_writing": ["self"],
    "resume_writing": ["self"],
    "on_response_complete": ["self"],
    "send_400_response": ["self", "msg"],
}


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_what_is_overridden_is_there_with_the_same_parameters(name: str) -> None:
    assert name in vars(TimedProtocol)
    assert list(inspect.signature(getattr(H11Protocol, name)).parameters) == OVERRIDDEN[name]


def test_nothing_else_is_overridden_by_accident() -> None:
    own = {name for name in vars(TimedProtocol) if not name.startswith("__")} - OVERRIDDEN.keys()
    assert not [name for name in own if hasattr(H11Protocol, name)]


@pytest.mark.parametrize("attribute", ["conn", "connections", "cycle", "flow", "loop", "transport"])
def test_the_state_that_is_read_is_there(attribute: str) -> None:
    assert f"self.{attribute}" in inspect.getsource(H11Protocol)


def test_uvicorn_still_tells_the_protocol_that_an_answer_is_complete() -> None:
    module = inspect.getmodule(H11Protocol)
    assert module is not None
    assert "on_response=self.on_response_complete" in inspect.getsource(module)

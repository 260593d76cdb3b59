"""One gRPC call, ended from another thread."""

from __future__ import annotations

from typing import Any

from visop.serving.incoming import IncomingCall


class LaterContext:
    """Of a grpcio without what ``IncomingCall`` takes that is not public."""

    is_cancelled = False

    def peer(self) -> str:
        return "ipv4:10.0.0.7:50123"

    def cancel(self) -> None:
        self.is_cancelled = True


def test_a_call_is_ended_by_what_is_public_if_nothing_else_is_there() -> None:
    context: Any = LaterContext()
    call = IncomingCall(context)
    call.end("it is late")
    assert (call.is_over, context.is_cancelled) == (True, True)

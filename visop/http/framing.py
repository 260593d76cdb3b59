"""How a body may be framed: HTTP's syntax allows more than an honest client sends, and a server can afford."""

from __future__ import annotations

from typing import Any

import h11

# An event costs h11 some 15 us of the event loop, however short it is, and a chunk of one byte is one. So many pieces a
# body may have in any case; with more, they must hold so many bytes on average.
_FREE_PIECES, _PIECE_BYTES = 256, 64


class StrictConnection(h11.Connection):
    """Refuses, as it does what is not HTTP, bodies in tiny pieces, and those with two lengths.

    A piece is a chunk, or what one read of the socket brought.
    """

    _pieces = _bytes = 0

    def next_event(self) -> Any:
        """As h11. Raises ``h11.RemoteProtocolError``, too, for what this class refuses."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._pieces = self._bytes = 0
            _check_lengths(event)
        elif isinstance(event, h11.Data):
            self._pieces += 1
            self._bytes += len(event.data)
            if self._pieces > _FREE_PIECES + self._bytes // _PIECE_BYTES:
                raise h11.RemoteProtocolError("the body comes in tiny pieces")
        return event


def _check_lengths(request: h11.Request) -> None:
    """A proxy that believes the other one would see other requests than we do (RFC 9112, 6.1 and 11.2)."""
    names = {name for name, _ in request.headers}
    if {b"content-length", b"transfer-encoding"} <= names:
        raise h11.RemoteProtocolError("a body has both Content-Length and Transfer-Encoding")

from __future__ import annotations

import h11
import pytest

from visop.http.framing import StrictConnection

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"


def events_of(*segments: bytes) -> int:
    """How many events come of what is read from a socket."""
    connection = StrictConnection(h11.SERVER)
    count = 0
    for segment in segments:
        connection.receive_data(segment)
        while connection.next_event() not in (h11.NEED_DATA, h11.PAUSED):
            count += 1
    return count


def test_a_body_in_tiny_segments_is_refused() -> None:
    with pytest.raises(h11.RemoteProtocolError, match="tiny pieces"):
        events_of(HEAD + b"Content-Length: 600\r\n\r\n", *[b"x"] * 600)


def test_small_pieces_are_taken_while_they_are_few_or_of_a_fair_size() -> None:
    assert events_of(HEAD + b"Content-Length: 256\r\n\r\n", *[b"x"] * 256) == 258
    assert events_of(HEAD + b"Content-Length: 64000\r\n\r\n", *[b"x" * 64] * 1000) == 1002


def test_each_body_is_counted_from_its_own_begin() -> None:
    request = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 200 + b"0\r\n\r\n"
    connection = StrictConnection(h11.SERVER)
    for _ in range(2):
        connection.receive_data(request)
        while connection.next_event() not in (h11.NEED_DATA, h11.PAUSED):
            pass
        connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        connection.send(h11.EndOfMessage())
        connection.start_next_cycle()


@pytest.mark.parametrize(
    "first", ["Content-Length: 2\r\nTransfer-Encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 2"]
)
def test_two_lengths_are_refused(first: str) -> None:
    with pytest.raises(h11.RemoteProtocolError, match="both"):
        events_of(HEAD + first.encode() + b"\r\n\r\n")

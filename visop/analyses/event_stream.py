"""Read server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def read_events(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """The kind and the data of each event of a stream, given by its lines; comments are left out.

    Args:
        lines: as they come, each with its end.
    """
    kind, data = "message", list[str]()
    for line in lines:
        field, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            kind = value
        elif field == "data":
            data.append(value)
        elif not field and not value and data:
            yield kind, "\n".join(data)
            kind, data = "message", []

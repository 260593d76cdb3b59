"""File upload: the parts of a multipart form (RFC 7578), all in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from visop.errors import InvalidInput, UsageError

# RFC 2046 (5.1.1). A search for a longer one takes longer.
_MAX_BOUNDARY_CHARS = 70
_AS_IT_IS = ("binary", "8bit", "7bit")


def read_form(data: bytes, content_type: str, max_parts: int) -> dict[str, list[bytes]]:
    """Split a form into its parts, by name, in the order they came.

    Whatever the form says, this takes little longer than to search it once for its boundary, some milliseconds per MB.
    A parser that stops wherever a boundary may begin takes 0.3 s, in which no other thread computes.

    Args:
        data: the body; its size was limited before.
        content_type: with the boundary.
        max_parts: of all names together.

    Raises:
        InvalidInput: no valid form, or too many parts.
    """
    parts: dict[str, list[bytes]] = {}
    parser = _parser(content_type)
    try:
        for count, part in enumerate(_parts(parser, data), 1):
            if count > max_parts:
                raise InvalidInput(f"the form has more than {max_parts} parts, which is the limit")
            parts.setdefault(part.name, []).append(part.content)
    except MultipartError:
        raise InvalidInput("the body is not a valid multipart form") from None
    _check_end(parser)
    return parts


def at_most_one(parts: Mapping[str, Sequence[bytes]], name: str) -> bytes | None:
    """The content of a part that a form may have once; None if it has none.

    Raises:
        UsageError: it has several.
    """
    found = parts.get(name, ())
    if len(found) > 1:
        raise UsageError(name, "", f"may be given once, and was given {len(found)} times")
    return found[0] if found else None


@dataclass
class _Part:
    name: str
    content: bytes = b""


def _parser(content_type: str) -> PushMultipartParser:
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise InvalidInput("the Content-Type of the form has no boundary")
    if len(boundary) > _MAX_BOUNDARY_CHARS:
        raise InvalidInput(f"the boundary has {len(boundary)} characters, the limit is {_MAX_BOUNDARY_CHARS}")
    return PushMultipartParser(boundary)


def _parts(parser: PushMultipartParser, data: bytes) -> Iterator[_Part]:
    """Each part as it ends."""
    part = _Part("")
    for event in parser.parse(data):
        if isinstance(event, MultipartSegment):
            _check_encoding(event)
            part = _Part(event.name or "")
        elif event is None:
            yield part
        else:
            part.content = bytes(event)  # all of it: the parser was given the whole form


def _check_encoding(part: MultipartSegment) -> None:
    encoding = part.header("Content-Transfer-Encoding", "binary")
    if encoding.lower() not in _AS_IT_IS:
        raise InvalidInput(f"Content-Transfer-Encoding {encoding[:40]!r}: send the parts of a form as they are")


def _check_end(parser: PushMultipartParser) -> None:
    try:
        parser.close()
    except MultipartError:
        raise InvalidInput("the form ends before its last boundary") from None

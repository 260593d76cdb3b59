"""File upload: the parts of a multipart form (RFC 7578), all in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from visop.errors import InvalidInput, UsageError

# RFC 2046 (5.1.1). A search for a longer one takes longer.
_MAX_BOUNDARY_CHARS = 70
_AS_IT_IS = ("binary", "8bit", "7bit")


@dataclass
class Part:
    """A part of a form.

    Attributes:
        name: of the field.
        content: as it was sent.
        file_name: as the client gave it, whatever it is; None if the part is no file.
    """

    name: str
    content: bytes = b""
    file_name: str | None = None


def read_form(data: bytes, content_type: str, max_parts: int) -> dict[str, list[bytes]]:
    """Split a form into the contents of its parts, by name, in the order they came. Arguments as of ``read_parts``."""
    parts: dict[str, list[bytes]] = {}
    for part in read_parts(data, content_type, max_parts):
        parts.setdefault(part.name, []).append(part.content)
    return parts


def read_parts(data: bytes, content_type: str, max_parts: int) -> list[Part]:
    """Split a form into its parts, in the order they came.

    Whatever the form says, this takes little longer than to search it once for its boundary, some milliseconds per MB.
    A parser that stops wherever a boundary may begin takes 0.3 s, in which no other thread computes.

    Args:
        data: the body; its size was limited before.
        content_type: with the boundary.
        max_parts: of all names together.

    Raises:
        InvalidInput: no valid form, or too many parts.
    """
    parts: list[Part] = []
    parser = _parser(content_type)
    try:
        for part in _parts(parser, data):
            if len(parts) == max_parts:
                raise InvalidInput(f"the form has more than {max_parts} parts, which is the limit")
            parts.append(part)
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


def _parser(content_type: str) -> PushMultipartParser:
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise InvalidInput("the Content-Type of the form has no boundary")
    if len(boundary) > _MAX_BOUNDARY_CHARS:
        raise InvalidInput(f"the boundary has {len(boundary)} characters, the limit is {_MAX_BOUNDARY_CHARS}")
    return PushMultipartParser(boundary)


def _parts(parser: PushMultipartParser, data: bytes) -> Iterator[Part]:
    """Each part as it ends."""
    part = Part("")
    for event in parser.parse(data):
        if isinstance(event, MultipartSegment):
            _check_encoding(event)
            part = Part(event.name or "", file_name=event.filename)
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

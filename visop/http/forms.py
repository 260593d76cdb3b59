"""File upload: the parts of a multipart form (RFC 7578), all in memory."""

from __future__ import annotations

from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, parse_options_header

from visop.errors import InvalidInput

_IN_MEMORY = {"MAX_MEMORY_FILE_SIZE": float("inf"), "UPLOAD_ERROR_ON_BAD_CTE": True}


def read_form(data: bytes, content_type: str, max_parts: int) -> dict[str, list[bytes]]:
    """Split a form into its parts, by name, in the order they came.

    Args:
        data: the body; its size was limited before.
        content_type: with the boundary.
        max_parts: of all names together.

    Raises:
        InvalidInput: no valid form, or too many parts.
    """
    parts: dict[str, list[bytes]] = {}
    count = 0
    complete = False

    def keep(name: bytes | None, value: bytes) -> None:
        nonlocal count
        count += 1
        if count > max_parts:
            raise InvalidInput(f"the form has more than {max_parts} parts, which is the limit")
        parts.setdefault((name or b"").decode("utf-8", "replace"), []).append(value)

    def on_field(field: Field) -> None:
        keep(field.field_name, field.value or b"")

    def on_file(file: File) -> None:
        keep(file.field_name, file.file_object.getvalue())  # type: ignore[union-attr]  # never on disk

    def on_end() -> None:
        nonlocal complete
        complete = True

    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise InvalidInput("the Content-Type of the form has no boundary")
    try:
        FormParser("multipart/form-data", on_field, on_file, on_end, boundary, config=_IN_MEMORY).write(data)
    except FormParserError:
        raise InvalidInput("the body is not a valid multipart form") from None
    if not complete:
        raise InvalidInput("the form ends before its last boundary")
    return parts

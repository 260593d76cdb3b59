"""The body of a multipart form (RFC 7578)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping

_DASHES = "-" * 2


def form_body(fields: Mapping[str, str], files: Iterable[tuple[str, str, bytes]]) -> tuple[bytes, str]:
    """A form, and its content type.

    Args:
        fields: texts by their names; empty ones are left out.
        files: field, file name and content of each.
    """
    boundary = secrets.token_hex(16)
    line = _DASHES + boundary
    parts = [_part(line, f'name="{name}"', value.encode()) for name, value in fields.items() if value]
    for field, name, content in files:
        parts.append(_part(line, f'name="{field}"; filename="{_quoted(name)}"', content))
    return b"".join([*parts, f"{line}{_DASHES}\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def _part(line: str, disposition: str, content: bytes) -> bytes:
    head = f"{line}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode("utf-8", "replace") + content + b"\r\n"


def _quoted(name: str) -> str:
    """A file name as browsers write it (WHATWG HTML, multipart/form-data encoding algorithm)."""
    return re.sub(r'[\r\n"]', lambda found: f"%{ord(found[0]):02X}", name)

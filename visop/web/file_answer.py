"""An open file as an answer, sent in small chunks, so that a slow reader costs no more memory than a fast one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from visop.images.formats.media_types import media_type_of
from visop.images.formats.signatures import SNIFF_BYTES

_CHUNK_BYTES = 64 * 1024


class FileAnswer(StreamingResponse):
    """A picture that a browser shows. A file that is not a picture is sent as a download.

    Args:
        file: sent from its beginning to what is its end now; closed when it has been sent, or sending has failed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        start, size = file.read(SNIFF_BYTES), file.seek(0, os.SEEK_END)
        file.seek(0)
        super().__init__(_chunks(file, size), media_type=media_type_of(start))
        self.headers["Content-Length"] = str(size)
        if not self.headers["Content-Type"].startswith("image/"):
            self.headers["Content-Disposition"] = "attachment"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, and close it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while chunk := file.read(min(_CHUNK_BYTES, size)):
        yield chunk
        size -= len(chunk)

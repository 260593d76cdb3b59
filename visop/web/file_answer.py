"""An open file as an answer, a little at a time: a reader that is slow costs no more memory than one that is not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from visop.web.originals import media_type_of

_CHUNK_BYTES = 64 * 1024
_START_BYTES = 16


class FileAnswer(StreamingResponse):
    """A picture for a browser to show; what it may not show, it keeps as a download.

    Args:
        file: from its beginning to what is its end now; closed when the answer is sent, or cannot be.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        start, size = file.read(_START_BYTES), file.seek(0, os.SEEK_END)
        file.seek(0)
        super().__init__(_chunks(file, size), media_type=media_type_of(start))
        self.headers["Content-Length"] = str(size)
        if not self.headers["Content-Type"].startswith("image/"):
            self.headers["Content-Disposition"] = "attachment"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while chunk := file.read(min(_CHUNK_BYTES, size)):
        yield chunk
        size -= len(chunk)

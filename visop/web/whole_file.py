"""A file that is there as a whole or not at all, whoever writes it at the same time."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file; its folder is made if it is missing.

    Raises:
        OSError: it cannot be written; what was there before is as it was.
    """
    part = path.with_suffix(f".{threading.get_ident()}-{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise

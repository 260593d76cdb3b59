"""What TensorFlow tells of itself while it is imported, kept from the terminal."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Lines of its own log that are no errors: of absl, by the letter of their level, and absl's warning of itself.
_NOT_ERRORS = re.compile(rb"[IW]\d{4} |WARNING: All log messages before absl::InitializeLog")


@contextmanager
def without_chatter() -> Iterator[None]:
    """Print only errors, of what native code prints on stderr inside. No setting of the library does it."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            file.seek(0)
            for line in file:
                if not _NOT_ERRORS.match(line):
                    os.write(2, line)

"""Read lists of inputs, one a line, in any of the encodings that editors and spreadsheets write."""

from __future__ import annotations

import codecs
import os
import re
import sys
from pathlib import Path

from visop.errors import UsageError
from visop.sources.names import listed_name

# That of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, ""),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 1000

# Other separators that Python knows, such as U+2028, may be part of a name.
_LINE_END = re.compile(r"\r\n|\n|\r")


def read_list(path: Path) -> list[str]:
    """Return the lines of a file, or of standard input for ``-``: paths and URLs, which need not exist.

    Empty lines are left out, and so are comments: lines that begin with ``#``, unless a file is called that. A relative
    path is relative to the working folder, wherever the list is.

    Raises:
        UsageError: the list cannot be read.
    """
    return [listed_name(line) for line in _LINE_END.split(read_text(path)) if line.strip() and not _is_comment(line)]


def read_text(path: Path) -> str:
    """Return the text of a file, or of standard input for ``-``, in UTF-8, UTF-16 or UTF-32, marked or not.

    Bytes that are no UTF-8 are kept as ``os.fsdecode`` does: they may be part of a name.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise UsageError("", path, error.strerror or str(error)) from None
    mark, codec = next((each for each in _MARKS if data.startswith(each[0])), (b"", _codec_of(data[:_SAMPLE])))
    data = data.removeprefix(mark)
    return data.decode(codec, "replace") if codec else os.fsdecode(data)


def _codec_of(sample: bytes) -> str:
    """Tell UTF-16 without a mark by its zero bytes, which no path and no URL has; empty for all other text."""
    if b"\0" not in sample:
        return ""
    return "utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be"


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#") and not os.path.lexists(line)

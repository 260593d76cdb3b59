"""Say where the pixels of a file lie that are stored without compression."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rows:
    """Where the pixels of a file are that lie row after row without compression.

    Attributes:
        begin: position of the first byte.
        end: position behind the last one.
        stride: bytes from one row to the next.
        pixel: bytes of a pixel, at least 1.
        padding: bytes at the end of each row that are no pixels.
    """

    begin: int
    end: int
    stride: int
    pixel: int
    padding: int = 0

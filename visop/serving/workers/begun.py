"""Which calls a worker has begun with, in memory that it shares with the front process, where that outlives it.

A message for each call would tell the same, and wake the front process once more.
"""

from __future__ import annotations

import mmap
import os
import struct

from visop.images.decode_process import shared_file

_NUMBER = struct.Struct("<Q")
# More than a worker has in hand. If two of its calls had one place, the first would count as not begun.
_PLACES = 8192


class Begun:
    """Marks of calls, by their numbers.

    Args:
        descriptor: of the shared memory. It is not closed.
    """

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, _PLACES * _NUMBER.size)

    def mark(self, call: int) -> None:
        """Say that a picture of a call is decoded: the model has it next."""
        _NUMBER.pack_into(self._memory, call % _PLACES * _NUMBER.size, call + 1)

    def has(self, call: int) -> bool:
        """Whether that was said."""
        return bool(_NUMBER.unpack_from(self._memory, call % _PLACES * _NUMBER.size)[0] == call + 1)


def begun_memory() -> int:
    """New memory for these marks: a descriptor, which the caller closes."""
    with shared_file(_PLACES * _NUMBER.size) as file:
        return os.dup(file.fileno())

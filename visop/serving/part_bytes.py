"""How many bytes the parts of one call may have: they are answered in one message, and kept until all are there."""

from __future__ import annotations

import threading

from visop.errors import ImageTooLarge

# Of a part beside its crop and its vector: box, label, score, keypoints, and the tags of them all.
_PART_BYTES = 256


class PartBytes:
    """Counts the bytes of the parts of one call.

    Args:
        max_message_bytes: of the message that they are answered in.
    """

    def __init__(self, max_message_bytes: int) -> None:
        self._max_message_bytes = self._left = max_message_bytes
        self._lock = threading.Lock()

    def spend(self, crop: int = 0, vector: int = 0) -> None:
        """Count a part with a crop of so many bytes, which become base64, or a vector of so many numbers.

        Raises:
            ImageTooLarge: the parts of this call do not fit into a message.
        """
        with self._lock:
            self._left -= _PART_BYTES + (crop + 2) // 3 * 4 + 4 * vector
            if self._left >= 0:
                return
        limit = f"a message of {self._max_message_bytes:,} bytes (OP_MAX_MESSAGE_BYTES)"
        raise ImageTooLarge(f"the parts of this call do not fit into {limit}; send fewer pictures, or crops.omit")

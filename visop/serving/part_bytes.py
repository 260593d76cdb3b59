"""How many bytes the parts of one call may have: they are answered in one message, and kept until all are there."""

from __future__ import annotations

import threading

from visop.detection import Detection
from visop.errors import ImageTooLarge

# Of a part beside its label, keypoints, crop and vector: box, score, the tags of them all, and its share of the status
# of its input; and of a keypoint.
_PART_BYTES, _KEYPOINT_BYTES = 256, 12


class PartBytes:
    """Counts the bytes of the parts of one call.

    Args:
        max_message_bytes: of the message that they are answered in.
    """

    def __init__(self, max_message_bytes: int) -> None:
        self._max_message_bytes = self._left = max_message_bytes
        self._lock = threading.Lock()

    def spend(self, found: Detection, crop: int = 0, vector: int = 0) -> None:
        """Count a part with a crop of so many bytes, which become base64, or a vector of so many numbers.

        Raises:
            ImageTooLarge: the parts of this call do not fit into a message.
        """
        detection = _PART_BYTES + len(found.label.encode()) + _KEYPOINT_BYTES * len(found.keypoints)
        with self._lock:
            self._left -= detection + (crop + 2) // 3 * 4 + 4 * vector
            if self._left >= 0:
                return
        limit = f"a message of {self._max_message_bytes:,} bytes (OP_MAX_MESSAGE_BYTES)"
        raise ImageTooLarge(f"the parts of this call do not fit into {limit}; send fewer pictures, or crops.omit")

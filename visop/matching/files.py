"""Find the features of a picture in a file, which is treated as hostile."""

from __future__ import annotations

from visop.images.decode import ImageLimits
from visop.images.decode_process import decode_in_process
from visop.images.thumbnail import size_of
from visop.matching.features import SIDE, Features, find_features


def features_of_file(
    data: bytes, limits: ImageLimits, *, timeout_s: float = 10.0, size: tuple[int, int] | None = None
) -> Features:
    """Decode a file, in a process that ends if it takes too long, and find the features of its picture.

    Args:
        data: the file.
        limits: limits on the file.
        timeout_s: processor time that decoding may take, in seconds.
        size: (width, height) of the picture, if that of the file is another.

    Raises:
        VisopError: the file is not an image within the limits, or OpenCV is not installed.
    """
    image = decode_in_process(data, limits, SIDE, timeout_s=timeout_s)
    height, width = image.shape[:2]
    size = size or size_of(data)
    return find_features(image, size if all(size) else (width, height))

"""gRPC messages that are compressed (https://github.com/grpc/grpc/blob/master/doc/compression.md), inflated by us.

gRPC inflates a message before it can be counted: a megabyte on the wire becomes a gigabyte, and many do so at once.
Told to leave messages as they are, it gives no sign of their compression. They begin with it: gzip with a byte with
which no message of protobuf can begin, deflate (the form of zlib) with a field 15 that no message of ours has.
"""

from __future__ import annotations

import zlib

from grpc import StatusCode

from visop.errors import InvalidInput, RemoteError

_GZIP, _ZLIB_METHOD = b"\x1f\x8b", 0x78
# Either form, by its head.
_WINDOW_BITS = 32 + zlib.MAX_WBITS
# Of deflate, https://zlib.net/zlib_tech.html.
_MOST_TIMES = 1032


def is_compressed(message: bytes) -> bool:
    """Whether a message, as it came, begins as gzip or zlib do."""
    if message[:2] == _GZIP:
        return True
    return message[:1] == bytes([_ZLIB_METHOD]) and len(message) > 1 and int.from_bytes(message[:2]) % 31 == 0


def inflated_size(message: bytes, limit: int) -> int:
    """How many bytes a compressed message is at most once it is inflated; gzip says it at its end (RFC 1952).

    Raises:
        RemoteError: more than the limit.
    """
    if message[:2] != _GZIP:
        return min(limit, _MOST_TIMES * len(message))
    size = int.from_bytes(message[-4:], "little")
    if size > limit:
        raise _too_large(limit)
    return size


def inflated(message: bytes, size: int) -> bytes:
    """Inflate a message, and no further than to ``size`` bytes, as of ``inflated_size``.

    Raises:
        RemoteError: it has more bytes.
        InvalidInput: it is damaged.
    """
    stream = zlib.decompressobj(_WINDOW_BITS)
    try:
        data = stream.decompress(message, size + 1)
    except zlib.error:
        raise InvalidInput("the compressed message is damaged") from None
    if len(data) > size:
        raise _too_large(size)
    if not stream.eof or stream.unused_data:
        raise InvalidInput("the compressed message is damaged")
    return data


def _too_large(limit: int) -> RemoteError:
    """In the words and with the status that gRPC has for it, which clients know."""
    return RemoteError(f"Decompressed message larger than max ({limit:,} bytes)", StatusCode.RESOURCE_EXHAUSTED.name)

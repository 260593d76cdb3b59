"""The program that decodes pictures in processes of their own: ``python -m visop.images.decode_server FD``.

It imports the decoder once, and forks a process for every pair of a socket and shared memory that it is sent over the
Unix socket ``FD``. Such a process has one thread, shares the decoder's memory with the others, starts in milliseconds,
and may be killed at any moment. ``visop.images.decode_process`` is the other side.

One request is ``REQUEST`` and a pickle of ``(limits, decode_side)``; the picture file lies in the shared memory. The
answer is ``ANSWER``, and in case of an error its name and its text as JSON; else the array lies in the shared memory.
Nothing that a decoding process says is unpickled, since a hostile picture might have taken it over.
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import resource
import signal
import socket
import struct
import sys
from contextlib import suppress
from functools import lru_cache

from visop.errors import ImageDecodeError, ImageTooLarge, VisopError
from visop.images.decode import ImageLimits, decode_image

#: Bytes of the pickle and of the picture file, and seconds of processor time that decoding may take.
REQUEST = struct.Struct("<QQd")
#: Height and width in pixels, or twice 0 and the bytes of the error that follows.
ANSWER = struct.Struct("<QQQ")
#: The program says one of these of each pair that it was sent: a process has it, or the system gave none.
FORKED, REFUSED = b"\1", b"\0"

# Address space of a decoding process: what it has at its start and needs for any picture, and for each pixel. The most
# that a decoder was found to need is 19 bytes a pixel, of a progressive JPEG in CMYK.
_BASE_BYTES, _BYTES_PER_PIXEL = 512 * 1024 * 1024, 24

_OOM_SCORE = "500"


def main(descriptor: int) -> None:
    """Fork a decoding process for each request, until the other side is closed."""
    # Both reach a whole process group. Those who use this program close its socket when they are done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes
    with socket.socket(fileno=descriptor) as control:
        while True:
            message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
            if not message:
                return
            control.sendall(_forked(control, descriptors))
            for each in descriptors:
                os.close(each)


def _forked(control: socket.socket, descriptors: list[int]) -> bytes:
    try:
        process = os.fork()
    except OSError:  # there are as many processes as may be, or there is no memory
        return REFUSED
    if process == 0:
        control.close()
        serve(*descriptors)
        os._exit(0)
    return FORKED


def serve(channel: int, memory: int) -> None:
    """Decode one picture after the other, until the other side of the socket is closed."""
    with suppress(OSError):  # so that the kernel takes this process and not the server when memory runs out
        _write("/proc/self/oom_score_adj", _OOM_SCORE)
    silence()
    with socket.socket(fileno=channel) as requests, mmap.mmap(memory, 0) as shared:
        while header := _read(requests, REQUEST.size):
            told, size, seconds = REQUEST.unpack(header)
            limits, decode_side = _understood(_read(requests, told))
            limit_memory(len(shared), limits)
            signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends a process, also in the midst of a decoder
            answer = _answer(shared, size, limits, decode_side)
            signal.setitimer(signal.ITIMER_PROF, 0)
            requests.sendall(answer)


def _answer(shared: mmap.mmap, size: int, limits: ImageLimits, decode_side: int | None) -> bytes:
    try:
        image = decode_image(shared[:size], limits, decode_side)
    except VisopError as error:
        name = "ImageTooLarge" if isinstance(error, ImageTooLarge) else "ImageDecodeError"
        text = json.dumps([name, str(error)]).encode()
        return ANSWER.pack(0, 0, len(text)) + text
    shared[: image.nbytes] = image.data.cast("B")
    return ANSWER.pack(*image.shape[:2], 0)


def _read(channel: socket.socket, size: int) -> bytes:
    """Return so many bytes, or none if the other side is closed."""
    data = bytearray()
    while len(data) < size:
        part = channel.recv(size - len(data))
        if not part:
            return b""
        data += part
    return bytes(data)


@lru_cache
def _understood(told: bytes) -> tuple[ImageLimits, int | None]:
    found: tuple[ImageLimits, int | None] = pickle.loads(told)  # noqa: S301 - of the server that started this
    return found


@lru_cache(1)
def limit_memory(shared: int, limits: ImageLimits) -> None:
    """Limit the address space of this process to what it needs for a picture within the limits.

    Args:
        shared: bytes of the shared memory.
        limits: on a picture.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = _BASE_BYTES + shared + _BYTES_PER_PIXEL * limits.max_pixels
    resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def silence() -> None:
    """Drop what decoders print: libtiff writes a line on stderr for each damaged strip."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


#: The errors that an answer can name.
ERRORS = {each.__name__: each for each in (ImageDecodeError, ImageTooLarge)}

if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Decode pictures in processes that are killed when a picture takes too long, too much memory, or breaks a decoder.

Threads cannot be ended: a picture that keeps a native decoder busy would hold its thread, and the server with it, for
ever. The processes are forked from ``visop.images.decode_server``, are used again and again, and share memory with this
process, so that a picture is not sent through a pipe.
"""

from __future__ import annotations

import atexit
import errno
import json
import mmap
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np

import visop
from visop.contract import Image
from visop.errors import ImageDecodeError, ImageTooLarge, Overloaded, VisopError
from visop.images.decode import ImageLimits, decode_image
from visop.images.formats.limits import check_size

# Without processes that can be forked, as on Windows, pictures are decoded in this one.
_CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds")
if _CAN_FORK:
    from visop.images.decode_server import ANSWER, ERRORS, FORKED, REFUSED, REQUEST

# Processor time is what is limited. Waiting for a processor is not, up to this many times as long, and some more.
_PATIENCE, _PATIENCE_S = 4.0, 5.0

# glibc would give memory back to the system after every picture, and ask for it again: a fifth of the time of decoding.
_MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(32 * 1024 * 1024), "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024)}

# Memory that a large picture took is given back to the system; that of small ones is used again.
_KEPT_BYTES = 16 * 1024 * 1024

# Longer than any error that the decoder words.
_LONGEST_ERROR = 64 * 1024


def decode_in_process(
    data: bytes, limits: ImageLimits, decode_side: int | None = None, *, timeout_s: float = 10.0
) -> Image:
    """Do as ``decode_image``, in another process. May be called from many threads; each call takes a process.

    Args:
        data: the file.
        limits: limits on the file.
        decode_side: as for ``decode_image``.
        timeout_s: processor time that decoding may take, in seconds.

    Raises:
        ImageTooLarge: as ``decode_image``, or the time or the memory did not suffice.
        ImageDecodeError: as ``decode_image``, or the decoder crashed.
        Overloaded: the system gives no process, descriptor or memory.
    """
    check_size(data, limits.max_bytes)
    if not _CAN_FORK:
        return decode_image(data, limits, decode_side)
    capacity = max(limits.max_bytes, 3 * limits.max_pixels)
    for is_new in (False, True):
        with suppress(_Ended), _PROCESSES.borrowed(capacity, new=is_new) as process:
            return process.decode(data, limits, decode_side, timeout_s)
    # Twice: a process may be killed although its picture is harmless, because the machine has no memory left.
    raise ImageDecodeError("image broke the decoder")


def prepare() -> None:
    """Start the program in the background, so that the first picture does not wait for it."""
    if _CAN_FORK:
        _PROCESSES.prepare()


class _Ended(Exception):
    """The process is gone, or what it says makes no sense."""


class _Process:
    """One decoding process, as this process sees it.

    A hostile picture might have taken it over, so that what it says is checked like any input.

    Attributes:
        capacity: bytes of the shared memory.
        is_open: whether it can be used again.
    """

    def __init__(self, channel: socket.socket, memory: mmap.mmap) -> None:
        self._channel, self._memory = channel, memory
        self.capacity, self.is_open = len(memory), True

    def is_alive(self) -> bool:
        """Whether it still runs, while it has nothing to do and nothing to say: the system may have killed it."""
        self._channel.setblocking(False)
        try:
            self._channel.recv(1)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def decode(self, data: bytes, limits: ImageLimits, decode_side: int | None, timeout_s: float) -> Image:
        """Do as ``decode_in_process``. Raises _Ended if the process ends before its time is over."""
        self._memory[: len(data)] = data
        started = time.monotonic()
        try:
            height, width = self._answer(_told(limits, decode_side), len(data), timeout_s)
        except (_Ended, OSError):
            self.close()
            if time.monotonic() - started >= timeout_s:
                why = f"image takes more than {timeout_s:g} s to decode, which is the limit (OP_DECODE_TIMEOUT_S)"
                raise ImageTooLarge(why) from None
            raise _Ended from None
        except VisopError:
            self._give_back(len(data))
            raise
        image = self._image(height, width)
        self._give_back(max(len(data), image.nbytes))
        return image

    def close(self) -> None:
        """Let go of the process, which ends at once, or when its time is over. Idempotent."""
        self.is_open = False
        self._channel.close()
        self._memory.close()

    def _answer(self, told: bytes, size: int, timeout_s: float) -> tuple[int, int]:
        patience_s = _PATIENCE * timeout_s + _PATIENCE_S
        self._channel.settimeout(patience_s)
        self._channel.sendall(REQUEST.pack(len(told), size, timeout_s) + told)
        until = time.monotonic() + patience_s
        height, width, error = ANSWER.unpack(self._read(ANSWER.size, until))
        if error:
            raise self._error(error, until)
        if not 0 < 3 * height * width <= self.capacity:
            raise _Ended
        return height, width

    def _error(self, size: int, until: float) -> VisopError:
        if size > _LONGEST_ERROR:
            raise _Ended
        try:
            name, text = json.loads(self._read(size, until))
            return ERRORS[name](str(text))
        except (ValueError, TypeError, KeyError):
            raise _Ended from None

    def _image(self, height: int, width: int) -> Image:
        shared = np.frombuffer(self._memory, np.uint8, 3 * height * width)
        image = shared.reshape(height, width, 3).copy()
        del shared  # the memory cannot be closed while an array looks into it
        image.flags.writeable = False
        return image

    def _give_back(self, used: int) -> None:
        """Give the shared memory back to the system if so many bytes of it were used that it is worth it."""
        if used > _KEPT_BYTES and hasattr(mmap, "MADV_REMOVE"):
            self._memory.madvise(mmap.MADV_REMOVE)

    def _read(self, size: int, until: float) -> bytes:
        """Receive so many bytes. Raises _Ended at the end of the channel, TimeoutError at ``until`` (monotonic)."""
        data = bytearray()
        while len(data) < size:
            self._channel.settimeout(max(until - time.monotonic(), 1e-6))
            part = self._channel.recv(size - len(data))
            if not part:
                raise _Ended
            data += part
        return bytes(data)


@lru_cache
def _told(limits: ImageLimits, decode_side: int | None) -> bytes:
    return pickle.dumps((limits, decode_side))


class _Processes:
    """Decoding processes that are not in use, and the program that forks new ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._program: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @contextmanager
    def borrowed(self, capacity: int, *, new: bool) -> Iterator[_Process]:
        """A process for one picture, with so many bytes of shared memory at least; ``new`` takes none that was used."""
        process = self._take(capacity, new=new)
        try:
            yield process
        except (ImageDecodeError, ImageTooLarge, _Ended):
            self._give(process)
            raise
        except BaseException:  # such as Ctrl-C: there may be an answer under way
            process.close()
            raise
        self._give(process)

    def prepare(self) -> None:
        with self._lock:
            self._start_program()

    def close(self) -> None:
        with self._lock:
            self._close_program()

    def forget(self) -> None:
        """Let go of everything, in a forked copy of the process that it belongs to."""
        while self._idle:
            self._idle.pop().close()
        if self._control is not None and self._program is not None:
            self._control.close()
            self._program.returncode = 0  # is waited for by its parent
        self.__init__()  # type: ignore[misc]  # a thread that is not in the copy may have held the lock

    def _take(self, capacity: int, *, new: bool) -> _Process:
        with self._lock:
            while self._idle and not new:
                process = self._idle.pop()
                if process.capacity >= capacity and process.is_alive():
                    return process
                process.close()
            try:
                return self._fork(capacity)
            except OSError:  # the program was killed
                self._close_program()
            try:
                return self._fork(capacity)
            except OSError as error:
                raise Overloaded(f"no process can be started to decode the image: {error.strerror}") from None

    def _give(self, process: _Process) -> None:
        with self._lock:
            if process.is_open:
                self._idle.append(process)

    def _fork(self, capacity: int) -> _Process:
        control = self._start_program()
        ours, theirs = socket.socketpair()
        try:
            with theirs, shared_file(capacity) as file:
                socket.send_fds(control, [b"\0"], [theirs.fileno(), file.fileno()])
                if (said := control.recv(1)) == REFUSED:
                    raise Overloaded("no process can be started to decode the image: the system gives none")
                if said != FORKED:
                    raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
                return _Process(ours, mmap.mmap(file.fileno(), capacity))
        except (OSError, Overloaded):
            ours.close()
            raise

    def _start_program(self) -> socket.socket:
        if self._control is not None:
            return self._control
        self._control, theirs = socket.socketpair()
        with theirs:
            self._program = subprocess.Popen(  # noqa: S603 - of this package, no shell
                [sys.executable, "-P", "-m", "visop.images.decode_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | _MALLOC | {"PYTHONPATH": _python_path()},
            )
        return self._control

    def _close_program(self) -> None:
        while self._idle:
            self._idle.pop().close()
        if self._control is not None and self._program is not None:
            self._control.close()
            self._program.wait()
        self._program = self._control = None


def shared_file(size: int) -> IO[bytes]:
    """A file without a name, in memory where the system has such files. Only what is written takes memory."""
    descriptor = os.memfd_create("visop-picture") if hasattr(os, "memfd_create") else _unnamed_file()
    file = os.fdopen(descriptor, "w+b")
    file.truncate(size)
    return file


def _unnamed_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _python_path() -> str:
    """For the program: where this process found visop."""
    found = str(Path(visop.__file__).parents[1])
    return os.pathsep.join([found, *filter(None, [os.environ.get("PYTHONPATH")])])


_PROCESSES = _Processes()
atexit.register(_PROCESSES.close)
if _CAN_FORK:
    os.register_at_fork(after_in_child=_PROCESSES.forget)

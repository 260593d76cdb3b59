"""Move one file such that no other is replaced, and that it is somewhere whole whenever this is interrupted."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

from visop.errors import VisopError
from visop.files import file_sha256, sync_folder


class NotMoved(VisopError):
    """A file was left where it is; the text says why."""


def check_movable(path: str, digest: str) -> None:
    """Raise NotMoved unless this is a file, no link to one, that still has the content with this SHA-256."""
    try:
        if os.path.islink(path):
            raise NotMoved("is a link to a file, not a file")
        if not os.path.isfile(path):
            raise NotMoved("is not there any more")
        if file_sha256(Path(path)) != digest:
            raise NotMoved("has changed since it was indexed")
    except (OSError, ValueError) as error:
        raise NotMoved(f"cannot be read: {_words(error)}") from None


def move_file(source: str, target: str, digest: str) -> None:
    """Move a file to a name that nothing has yet, also to another disk.

    Args:
        source: a file.
        target: its new path, in a folder that is there.
        digest: the SHA-256 of its content, which a copy on another disk is compared with before the source goes.

    Raises:
        NotMoved: something has that name, or the system does not let it; the source is as it was.
    """
    try:
        # From here on the name is ours, so that the rename replaces nothing of somebody else.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise NotMoved("something else is there now") from None
    except OSError as error:
        raise NotMoved(_words(error)) from None
    try:
        _move_onto(source, target, digest)
    except BaseException as error:
        with suppress(OSError):
            if os.path.getsize(target) == 0 and os.path.lexists(source):
                os.unlink(target)
        if isinstance(error, OSError):
            raise NotMoved(_words(error)) from None
        raise


def _move_onto(source: str, target: str, digest: str) -> None:
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_onto(source, target, digest)
        os.unlink(source)
    for path in (target, source):
        sync_folder(Path(path).parent)


def _copy_onto(source: str, target: str, digest: str) -> None:
    """Copy a file with its times and mode, and compare the copy before it takes its name."""
    part = f"{target}.{os.getpid()}.part"
    try:
        shutil.copy2(source, part)
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        if file_sha256(Path(part)) != digest:
            raise NotMoved("changed while it was copied to another disk")
        os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    sync_folder(Path(target).parent)


def _words(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)

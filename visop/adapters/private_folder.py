"""A folder for the pictures of classes that want files: nobody else can enter it, and no file outlives its call."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "visop-pictures-"
_SUFFIX = ".png"


class PrivateFolder:
    """A folder of mode 0700 where temporary files are.

    It is removed by ``close``, at the end of the process, or, if that was killed, when another one makes such a folder.

    Args:
        place: where to make it; None is where the system has temporary files.

    Attributes:
        path: of the folder.
    """

    def __init__(self, place: Path | None = None) -> None:
        place = place or Path(tempfile.gettempdir())
        _remove_left(place)
        self.path, lock = _locked_folder(place)
        self._remove = weakref.finalize(self, _remove, self.path, lock)

    @contextmanager
    def holding(self, files: Sequence[bytes]) -> Iterator[list[str]]:
        """Write files, mode 0600, and yield their paths. Afterwards the folder is empty, whoever wrote into it."""
        try:
            yield [str(self._written(number, data)) for number, data in enumerate(files)]
        finally:
            self.empty()

    def empty(self) -> None:
        """Remove everything in the folder."""
        with suppress(FileNotFoundError):  # closed while a class still worked on a file
            for entry in os.scandir(self.path):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    Path(entry.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder with everything in it. Idempotent."""
        self._remove()

    def _written(self, number: int, data: bytes) -> Path:
        path = self.path / f"{number}{_SUFFIX}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(file, "wb") as opened:
            opened.write(data)
        return path


def _locked_folder(place: Path) -> tuple[Path, int]:
    """A new folder, and what is open as long as its process lives, which tells others that it does."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        with suppress(OSError):  # another process found it before it was locked, and removed it
            lock = _locked(path)
            if path.exists():
                return path, lock
            os.close(lock)


def _locked(path: Path) -> int:
    """The folder, opened and locked. Raises OSError if it is gone, or somebody else has locked it."""
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _remove_left(place: Path) -> None:
    """Remove the folders of this user whose process is gone."""
    for path in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody else's, in use, or removed meanwhile
            facts = path.lstat()
            if stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid():
                _remove(path, _locked(path))


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)

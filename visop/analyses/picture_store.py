"""The files of pictures, under the SHA-256 of their content, in a folder or an object store."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from visop.analyses.errors import PictureMissing, PicturesUnavailable
from visop.errors import UsageError, VisopError
from visop.files import write_whole

# Those whose files are written whole or not at all, with the extra that each needs.
_EXTRAS = {"file": "analyses", "memory": "analyses", "s3": "s3", "gs": "gs"}
# What a request can wait for; the default of botocore is a minute, five times.
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "use_listings_cache": False,
        "config_kwargs": {"connect_timeout": 3, "read_timeout": 15, "retries": {"max_attempts": 2}},
    },
    "gs": {"use_listings_cache": False},
}


class PictureStore:
    """Keeps files by their digests. May be used from several threads and processes.

    Args:
        address: a folder, which is made when needed, or ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

    Raises:
        UsageError: it is neither, or a package for it is missing.
    """

    def __init__(self, address: str) -> None:
        scheme, _, rest = address.rpartition("://")
        self._scheme = scheme or "file"
        if self._scheme not in _EXTRAS or not rest:
            raise UsageError("pictures", address, "must be a folder, s3://bucket/prefix or gs://bucket/prefix")
        self.address = os.path.abspath(os.path.expanduser(rest)) if self._scheme == "file" else address.rstrip("/")
        self._files: Any = None if self._scheme == "file" else _filesystem(self._scheme, address)

    def keep(self, data: bytes) -> str:
        """Keep a file, unless it is kept already; return its digest.

        Raises:
            PicturesUnavailable: it cannot be written.
        """
        digest = hashlib.sha256(data).hexdigest()
        self.put(digest, data)
        return digest

    def put(self, digest: str, data: bytes) -> None:
        """Keep the file of this digest, unless it is kept already. Raises PicturesUnavailable."""
        if not self.has(digest, len(data)):
            with self._translated():
                self._write(self.path_of(digest), data)

    def has(self, digest: str, size: int) -> bool:
        """Whether the file is kept, with so many bytes. Raises PicturesUnavailable."""
        path = self.path_of(digest)
        with self._translated():
            try:
                return int(os.path.getsize(path) if self._files is None else self._files.size(path)) == size
            except FileNotFoundError:
                return False

    def read(self, digest: str) -> bytes:
        """Return the file.

        Raises:
            PictureMissing: it is not there.
            PicturesUnavailable: it cannot be read now.
        """
        path = self.path_of(digest)
        with self._translated():
            try:
                data: bytes = Path(path).read_bytes() if self._files is None else self._files.cat_file(path)
            except FileNotFoundError:
                raise PictureMissing("the file of the picture is gone from where pictures are kept") from None
        return data

    def delete(self, digest: str) -> None:
        """Delete the file, if it is there. Raises PicturesUnavailable."""
        path = self.path_of(digest)
        with self._translated():
            try:
                os.unlink(path) if self._files is None else self._files.rm_file(path)
            except FileNotFoundError:
                return

    def digests(self) -> Iterator[tuple[str, float]]:
        """All files, each with its digest and the time it was written, in seconds since 1970. Raises as ``read``."""
        with self._translated():
            if self._files is None:
                found = ((path.name, path.stat().st_mtime) for path in Path(self.address).glob("??/*"))
            else:
                listed = self._files.find(self.address, detail=True, refresh=True).values()
                found = ((each["name"].rpartition("/")[2], _written(each)) for each in listed)
            for name, written in found:
                if len(name) == 64:
                    yield name, written

    def path_of(self, digest: str) -> str:
        """Where the file of this digest is, or would be."""
        return f"{self.address}/{digest[:2]}/{digest}"

    def _write(self, path: str, data: bytes) -> None:
        if self._files is not None:
            self._files.pipe_file(path, data)
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_whole(Path(path), data)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except VisopError:
            raise
        except OSError as error:
            raise PicturesUnavailable(f"pictures cannot be kept now: {error.strerror or 'no answer'}") from error
        except Exception as error:
            raise PicturesUnavailable("pictures cannot be kept now: the object store does not answer") from error


def _filesystem(scheme: str, address: str) -> Any:
    try:
        import fsspec

        return fsspec.filesystem(scheme, **_OPTIONS.get(scheme, {}))
    except ImportError:
        raise UsageError("pictures", address, f"needs a package: pip install 'visop[{_EXTRAS[scheme]}]'") from None


def _written(entry: dict[str, Any]) -> float:
    when = entry.get("LastModified") or entry.get("mtime") or entry.get("created")
    return when.timestamp() if isinstance(when, datetime) else float(when or 0.0)

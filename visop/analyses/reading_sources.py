"""Read pictures of jobs from where they are: the web, folders of this machine, object stores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from visop.analyses.context import Context
from visop.analyses.models import Job
from visop.errors import FetchUnavailable, InvalidInput, NotAllowed, NotFound, VisopError
from visop.search.errors import OriginalsError, OriginalsMissing
from visop.search.originals.filesystem import filesystem_of, translated
from visop.search.originals.reading import read_from
from visop.sources import is_url, path_of, read_input, stored_name
from visop.sources.folders import is_picture

#: Of this machine, or of an object store.
FOLDER, PREFIX = "folder", "prefix"


@dataclass(frozen=True)
class SourceReader:
    """Lists and reads pictures. May be used from several threads.

    Attributes:
        context: fetcher and limits.
        roots: folders and addresses below which jobs may read; none by default.
    """

    context: Context
    roots: Sequence[str] = ()

    def __call__(self, source: str, job_id: int | None) -> bytes:
        """Return a picture that is not kept yet.

        Args:
            source: as ``Analysis.source``.
            job_id: of the job that it belongs to, if it does.

        Raises:
            VisopError: it cannot be had; ``FetchUnavailable`` if it may be had later.
        """
        if is_url(source):
            return self.context.fetch(source, self.context.settings.request_timeout_s)
        if job_id is None or self._kind(job_id) not in (FOLDER, PREFIX):
            raise NotFound("the picture is not kept any more, and nobody knows where it came from")
        return self._read(source)

    def check(self, place: str) -> None:
        """Raise NotAllowed unless a job may read there."""
        if not any(_is_below(place, root) for root in self.roots):
            there = "no folder may be read by jobs" if not self.roots else "it is in none of those that may be"
            raise NotAllowed(f"{stored_name(place)}: {there} (VISOP_FOLDERS names them)")

    def names(self, source: dict[str, Any], after: str) -> Iterator[str]:
        """The pictures of a folder or a prefix in the order of their names, those behind ``after``.

        Raises:
            VisopError: it cannot be listed.
        """
        place = source["path"] if source["kind"] == FOLDER else source["address"]
        self.check(place)
        found = _of_folder(place) if source["kind"] == FOLDER else _of_prefix(place)
        return (name for name in found if name > after)

    def _read(self, source: str) -> bytes:
        path = path_of(source) or source
        self.check(path)
        if "://" in path:
            try:
                return read_from(filesystem_of(path), path, self.context.settings.max_image_bytes)
            except OriginalsMissing as error:
                raise NotFound(str(error)) from None
            except OriginalsError as error:
                raise FetchUnavailable(str(error)) from None
        data = read_input(path, self.context.settings.max_image_bytes)
        if isinstance(data, VisopError):
            raise data
        if isinstance(data, str):
            raise InvalidInput(f"{source}: is no file")
        return data

    def _kind(self, job_id: int) -> str:
        with self.context.database.reading() as session:
            source = session.scalar(select(Job.source).where(Job.id == job_id))
        return str((source or {}).get("kind", ""))


def _is_below(place: str, root: str) -> bool:
    if "://" in place or "://" in root:
        return ".." not in place.split("/") and f"{place.rstrip('/')}/".startswith(f"{root.rstrip('/')}/")
    real, top = os.path.realpath(place), os.path.realpath(root)
    return os.path.isabs(place) and (real == top or real.startswith(f"{top.rstrip('/')}/"))


def _of_folder(path: str) -> list[str]:
    """Links are not followed: they could lead out of what may be read. Names are such as a database can keep."""
    if not os.path.isdir(path):
        raise NotFound(f"{path}: there is no such folder")
    found = []
    for folder, below, names in os.walk(path):
        below[:] = [name for name in below if not name.startswith(".")]
        pictures = [name for name in names if is_picture(name) and not name.startswith(".")]
        found += [stored_name(os.path.join(folder, name)) for name in pictures]
    return sorted(found)


def _of_prefix(address: str) -> list[str]:
    files, scheme = filesystem_of(address), address.partition("://")[0]
    with translated(address):
        return sorted(f"{scheme}://{name}" for name in files.find(address) if is_picture(name))

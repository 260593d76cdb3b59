"""Find out which inputs are meant by files, folders, lists and URLs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from visop.errors import UsageError
from visop.sources.excluded import DEFAULT_EXCLUDES, Excluded
from visop.sources.folders import FolderWalk, PassedOver
from visop.sources.lists import read_list
from visop.sources.names import is_url, listed_name, typed_path
from visop.sources.tables import TABLES, read_table


@dataclass(frozen=True)
class FindOptions:
    """How inputs are looked for.

    Attributes:
        exclude: what is left out of folders, as ``Excluded`` reads it.
        default_excludes: also leave out ``DEFAULT_EXCLUDES``.
        follow_links: also look through links to folders.
        column: the header of the column that names pictures in tables; empty finds it.
    """

    exclude: Sequence[str] = ()
    default_excludes: bool = True
    follow_links: bool = False
    column: str = ""

    def excluded(self) -> Excluded:
        """Make the patterns."""
        return Excluded(self.exclude, DEFAULT_EXCLUDES if self.default_excludes else ())


DEFAULT_OPTIONS = FindOptions()


@dataclass(frozen=True)
class Found:
    """Which inputs are meant.

    Attributes:
        names: files and URLs, in the order given.
        folders: those that were given.
        passed: what folders hold and was not taken.
    """

    names: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    passed: PassedOver = field(default_factory=PassedOver)


def find_inputs(
    names: Sequence[str], options: FindOptions = DEFAULT_OPTIONS, *, keep_unreadable: bool = False
) -> Found:
    """Find files and URLs as they are, the pictures below folders, and what lists and tables name.

    Folders are sorted, so that a second run finds the same order. What a list names need not be there.

    Args:
        names: files, folders, URLs, lists (``.txt``) and tables (``.csv``, ``.tsv``, ``.jsonl``).
        options: how they are looked for.
        keep_unreadable: a folder that cannot be read is then an input itself, and ``read_input`` says why it is none:
            for whoever writes down what failed and goes on.

    Raises:
        UsageError: a name is neither an address nor there, a folder or list cannot be read, or a table does not show
            which column is meant.
    """
    found, excluded = Found(), options.excluded()
    for each in map(listed_name, names):
        if os.path.isdir(each):
            found.folders.append(each)
            walk = FolderWalk(each, excluded, found.passed, follow_links=options.follow_links)
            found.names.extend(walk.pictures())
            found.names.extend(_unreadable(walk, keep_unreadable))
        else:
            found.names.extend(_listed(each, options.column))
    return found


def gather(given: Sequence[str], options: FindOptions = DEFAULT_OPTIONS, *, may_be_empty: bool = False) -> Found:
    """Do as ``find_inputs``, and give names and folders the form in which an index keeps them.

    ``~`` is the home folder. An empty folder is more often a disk that is not mounted than one to be indexed, so it is
    refused unless it may be.

    Raises:
        UsageError: as ``find_inputs``, or a folder or list holds no pictures.
    """
    found = Found()
    for each in map(typed_path, given):
        one = find_inputs([each], options, keep_unreadable=True)
        if not (one.names or may_be_empty):
            what = "folder with no pictures below it" if one.folders else "list with no pictures in it"
            passed = f"; passed over: {one.passed}" if str(one.passed) else ""
            raise UsageError("", each, f"a {what}; nothing was changed{passed}")
        found.names.extend(map(_absolute, one.names))
        found.folders.extend(map(os.path.abspath, one.folders))
        found.passed.add(one.passed)
    return found


def _listed(name: str, column: str) -> list[str]:
    if is_url(name):
        return [name]
    if not os.path.lexists(name):
        raise UsageError("", name, "no such file or folder")
    suffix = Path(name).suffix.lower()
    if suffix == ".txt":
        return read_list(Path(name))
    return read_table(Path(name), column) if suffix in TABLES else [name]


def _unreadable(walk: FolderWalk, keep: bool) -> Iterator[str]:
    """Yield the folders that could not be read, or raise: none is left out silently."""
    for error in walk.unreadable:
        if not keep:
            raise UsageError("", error.filename, error.strerror or str(error))
        yield str(error.filename)


def _absolute(name: str) -> str:
    """Return the name as an index keeps it, so that errors name every input in one way; an address stays as it is."""
    return name if "://" in name and not os.path.lexists(name) else os.path.abspath(name)

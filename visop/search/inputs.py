"""What ``visop index`` is given: folders, files, URLs, and lists of them as text or CSV."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from visop.errors import SettingsError
from visop.sources import find_inputs, is_url, read_list

# The column of a CSV that names pictures; the first of them that is there, else the first column.
_COLUMNS = ("url", "path", "file", "image", "input", "name")


@dataclass(frozen=True)
class Inputs:
    """What to index.

    Attributes:
        names: absolute paths and URLs, folders resolved into the pictures below them; a folder that cannot be read is
            one of them, for reading it says why.
        folders: those that were given, absolute.
    """

    names: Sequence[str]
    folders: Sequence[str]


def gather(given: Sequence[str]) -> Inputs:
    """Resolve folders and lists.

    Raises:
        SettingsError: something is not there, or holds no pictures; an empty folder is more often a disk that is not
            mounted than one to be indexed.
    """
    names: list[str] = []
    given = [os.path.expanduser(each) for each in given]
    folders = [os.path.abspath(each) for each in given if os.path.isdir(each)]
    for each in given:
        found = _resolve(each)
        if not found:
            what = "folder with no pictures below it" if os.path.isdir(each) else "list with no pictures in it"
            raise SettingsError(f"{each}: a {what}; nothing was changed")
        names += map(_absolute, found)
    return Inputs(names, folders)


def _resolve(given: str) -> list[str]:
    suffix = Path(given).suffix.lower()
    if is_url(given) or os.path.isdir(given) or suffix not in (".txt", ".csv"):
        return find_inputs([given], keep_unreadable=True)
    return list(_read_csv(Path(given))) if suffix == ".csv" else read_list(Path(given))


def _absolute(name: str) -> str:
    """As the index keeps it, so that the errors name nothing in two ways; an address of any kind as it is."""
    return name if "://" in name and not os.path.lexists(name) else os.path.abspath(name)


def _read_csv(path: Path) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = ([cell.strip() for cell in row] for row in csv.reader(file))
            header = next(rows, [])
            lowered = [cell.lower() for cell in header]
            column = next((lowered.index(name) for name in _COLUMNS if name in lowered), None)
            if column is None and header and header[0]:
                yield header[0]
            yield from (row[column or 0] for row in rows if len(row) > (column or 0) and row[column or 0])
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except csv.Error as error:
        raise SettingsError(f"{path}: not CSV: {error}") from None

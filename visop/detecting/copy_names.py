"""What copies of pictures are called: as the pictures, below one folder, and no two the same."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath
from urllib.parse import unquote, urlsplit

from visop.errors import UsageError
from visop.sources import Found, is_url

# Names of files have at most 255 bytes; some are left for what is added.
_LONGEST = 180


def copy_names(names: Sequence[str], folders: Sequence[str]) -> dict[str, PurePath]:
    """The relative path of the JPEG copy of each input.

    Below a folder that was given it is that of the picture, of another file or URL its name. Where several would be
    called the same, also on file systems without upper and lower case, each gets a digest of its input. So the name of
    a copy does not depend on what is done already.

    Args:
        names: of the inputs, files and URLs.
        folders: that were given.
    """
    above = [os.path.join(os.path.abspath(each), "") for each in folders]
    plain = {name: _plain(name, above) for name in dict.fromkeys(names)}
    counts = Counter(map(_key, plain.values()))
    parents = {_key(parent) for path in plain.values() for parent in path.parents}
    return {
        name: path if counts[_key(path)] == 1 and _key(path) not in parents else _marked(path, name)
        for name, path in plain.items()
    }


def outside(found: Found, given: Sequence[str], copies: Path, field: str) -> list[str]:
    """The inputs without copies of an earlier run, where these are in a folder that is looked through.

    Args:
        found: the inputs.
        given: what was named itself, which is always an input.
        copies: the folder of copies.
        field: what it is called in errors.

    Raises:
        UsageError: the copies would be all over a folder of pictures.
    """
    place = os.path.join(os.path.realpath(copies), "")
    for folder in found.folders:
        if os.path.join(os.path.realpath(folder), "").startswith(place):
            raise UsageError(field, copies, f"{folder}, which is looked through, is this folder or in it; take another")
    if not any(place.startswith(os.path.join(os.path.realpath(folder), "")) for folder in found.folders):
        return found.names
    named = set(given)
    return [name for name in found.names if name in named or not os.path.realpath(name).startswith(place)]


def _plain(name: str, above: Sequence[str]) -> PurePath:
    if is_url(name):
        return _jpeg(PurePath(_of_url(name)), name)
    path = os.path.abspath(name)
    for folder in above:
        if path.startswith(folder):
            return _jpeg(PurePath(path[len(folder) :]), name)
    return _jpeg(PurePath(os.path.basename(path) or "picture"), name)


def _of_url(url: str) -> str:
    last = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
    return re.sub(r"[^\w.-]+", "-", last).strip(".-") or "picture"


def _jpeg(path: PurePath, name: str) -> PurePath:
    """Add the suffix of a JPEG to a path that has another, and shorten its last part where it is too long."""
    last = path.name if path.suffix.lower() in (".jpg", ".jpeg") else f"{path.name}.jpg"
    named = path.with_name(last)
    return named if len(os.fsencode(last)) <= _LONGEST else _marked(path.with_name(f"{path.stem[:40]}.jpg"), name)


def _marked(path: PurePath, name: str) -> PurePath:
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:12]
    return path.with_name(f"{path.stem}-{digest}{path.suffix}")


def _key(path: PurePath) -> str:
    """The same for paths that some file system takes for the same."""
    return unicodedata.normalize("NFC", str(path)).casefold()

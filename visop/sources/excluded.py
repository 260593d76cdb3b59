"""Leave out of folders what is no picture of their owner's: thumbnails, waste baskets, snapshots, what is hidden."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from itertools import groupby

#: What is left out of folders unless it is asked for, in the form of ``Excluded``.
DEFAULT_EXCLUDES = (
    ".*",  # hidden: .thumbnails, .Trash-1000, .AppleDouble, .@__thumb, ._IMG_1.jpg, .git
    "@eaDir",  # Synology
    "@tmp",
    "@SynoResource",
    "#recycle",
    "#snapshot",
    "@Recycle",  # QNAP
    "@Recently-Snapshot",
    "@__thumb",
    "$RECYCLE.BIN",  # Windows
    "RECYCLER",
    "System Volume Information",
    "Thumbs.db",
    "ehthumbs*.db",
    "desktop.ini",
    "found.[0-9][0-9][0-9]",
    "lost+found",  # Linux
    "~snapshot",  # NetApp
    "__MACOSX",  # macOS, and what servers make for it
    "Network Trash Folder",
    "Temporary Items",
    "files_trashbin",  # Nextcloud
    "files_versions",
    "appdata_*",
    "*.lrdata",  # previews of Lightroom
    "*.cocatalogdb",
    "CaptureOne",
    "**/*.photoslibrary/*",  # of Photos, iPhoto and Aperture, all but the originals
    "**/*.photolibrary/*",
    "**/*.migratedphotolibrary/*",
    "**/*.aplibrary/*",
    "!**/*.*library/originals",
    "!**/*.*library/Masters",
)


@dataclass(frozen=True)
class _Rule:
    """One pattern, or several that are names only."""

    takes: bool
    names: re.Pattern[str] | None = None
    path: tuple[str, ...] = ()
    of_folders: bool = False
    below_root: bool = True

    def fits(self, path: tuple[str, ...], root: tuple[str, ...], *, is_folder: bool) -> bool:
        if self.of_folders and not is_folder:
            return False
        if self.names is not None:
            return self.names.match(path[-1]) is not None
        return _fits(self.path, path if self.below_root else root + path)


class Excluded:
    """Patterns as in a ``.gitignore``, without regard to case; of those that fit, the last one decides.

    A pattern without a slash is the name of a file or folder anywhere, one with a slash a path below the folder that is
    walked. ``*`` and ``?`` stand for anything but a slash, ``**`` for any folders, ``[abc]`` for one of these. A slash
    at the end means folders only. ``!`` before a pattern takes again what an earlier one left out; but nothing is taken
    below a folder that is left out.

    Args:
        patterns: of the user.
        defaults: that come before.
    """

    def __init__(self, patterns: Sequence[str] = (), defaults: Sequence[str] = DEFAULT_EXCLUDES) -> None:
        self._rules = [*_rules(defaults, below_root=False), *_rules(patterns, below_root=True)][::-1]

    def leaves_out(self, path: Sequence[str], root: str, *, is_folder: bool) -> bool:
        """Whether a file or folder is left out.

        Args:
            path: the names from below the folder that is walked down to this one.
            root: the name of that folder, which counts for the defaults alone: it was asked for.
            is_folder: whether it is one.
        """
        lowered, above = tuple(name.lower() for name in path), (root.lower(),)
        for rule in self._rules:
            if rule.fits(lowered, above, is_folder=is_folder):
                return not rule.takes
        return False

    def leaves_out_path(self, path: str, root: str) -> bool:
        """Whether a file or folder, or one of those that it is in below the folder ``root``, is left out."""
        parts = os.path.relpath(path, root).split(os.sep)
        name = os.path.basename(os.path.abspath(root))
        whole = [self.leaves_out(parts[:end], name, is_folder=True) for end in range(1, len(parts))]
        return any(whole) or self.leaves_out(parts, name, is_folder=os.path.isdir(path))


def _rules(patterns: Sequence[str], *, below_root: bool) -> list[_Rule]:
    """Neighbours that are names only become one rule, for there are many and each file is held against all."""
    rules: list[_Rule] = []
    for kind, group in groupby((each.strip() for each in patterns if each.strip("!/ ")), _kind):
        takes, of_folders, is_path = kind
        bodies = [each.lower().removeprefix("!").removesuffix("/") for each in group]
        if is_path:
            paths = (tuple(body.removeprefix("/").split("/")) for body in bodies)
            rules += [_Rule(takes, path=path, of_folders=of_folders, below_root=below_root) for path in paths]
        else:
            rules.append(_Rule(takes, re.compile("|".join(map(translate, bodies))), of_folders=of_folders))
    return rules


def _kind(pattern: str) -> tuple[bool, bool, bool]:
    """Whether it takes again, is of folders only, and is a path."""
    return pattern.startswith("!"), pattern.endswith("/"), "/" in pattern.rstrip("/")


def _fits(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_fits(pattern[1:], path[start:]) for start in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _fits(pattern[1:], path[1:])

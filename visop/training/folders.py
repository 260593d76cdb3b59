"""A folder of pictures as training sees it: which files, whose identity, and which are held out."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from visop.errors import UsageError
from visop.files import file_sha256
from visop.sources import DEFAULT_OPTIONS, FindOptions, find_inputs
from visop.training.recipe import Labels

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pictures:
    """Files and whose they are.

    Attributes:
        paths: of the files.
        identities: of each file, from 0 without gaps.
        labels: ``folders`` where the first folder below the root is the identity, ``pictures`` where each is its own.
    """

    paths: Sequence[Path]
    identities: Sequence[int]
    labels: Labels

    def by_identity(self) -> list[list[Path]]:
        """The files of each identity."""
        groups: list[list[Path]] = [[] for _ in range(max(self.identities, default=-1) + 1)]
        for path, identity in zip(self.paths, self.identities, strict=True):
            groups[identity].append(path)
        return groups


def find_pictures(folder: Path, labels: Labels, options: FindOptions = DEFAULT_OPTIONS) -> Pictures:
    """Find the pictures below a folder. Of files with the same content, only the first counts.

    Args:
        folder: the folder.
        labels: what an identity is.
        options: what is left out of the folder.

    Raises:
        UsageError: there is no such folder, nothing in it, or labels are to be folders and there are none.
    """
    if not folder.is_dir():
        raise UsageError("", folder, "no such folder")
    found = find_inputs([str(folder)], options)
    if str(found.passed):
        logger.info("passed over: %s", found.passed)
    paths = _distinct([Path(name) for name in found.names])
    if not paths:
        raise UsageError("", folder, "no pictures in it")
    if labels == "pictures":
        return Pictures(paths, range(len(paths)), labels)
    return _named_by_folder(folder, paths)


def _named_by_folder(folder: Path, paths: Sequence[Path]) -> Pictures:
    names = [path.relative_to(folder).parts for path in paths]
    loose = sum(len(parts) == 1 for parts in names)
    if loose:
        raise UsageError(
            "labels",
            "folders",
            f"{loose} pictures lie in {folder} itself, so have no label; with 'pictures', each picture is its own",
        )
    numbers = {name: number for number, name in enumerate(dict.fromkeys(parts[0] for parts in names))}
    return Pictures(paths, [numbers[parts[0]] for parts in names], "folders")


def _distinct(paths: Sequence[Path]) -> list[Path]:
    """Two copies of a picture as two identities would be told apart in vain. Only files of one size are read."""
    by_size = defaultdict(list)
    for path in paths:
        by_size[path.stat().st_size].append(path)
    copies = {copy for group in by_size.values() if len(group) > 1 for copy in _copies(group)}
    if copies:
        logger.warning("%d files are copies of others, byte for byte, and left out", len(copies))
    return [path for path in paths if path not in copies]


def _copies(paths: Iterable[Path]) -> list[Path]:
    seen, copies = set(), []
    for path in paths:
        digest = file_sha256(path)
        if digest in seen:
            copies.append(path)
        seen.add(digest)
    return copies


def split(pictures: Pictures, share: float, folder: Path) -> tuple[Pictures, Pictures]:
    """Hold out whole identities: files that are validated with are never trained on, in any form.

    Which ones depends on the name of each alone, so that a folder that grows keeps its split; only where chance would
    leave fewer than two on one side are the nearest ones taken. Copies that are not the same byte for byte, such as a
    picture saved anew, have names of their own and may lie on both sides.

    Args:
        pictures: all.
        share: of the identities that are held out, above 0 and below 1; it is the chance of each.
        folder: what names are relative to.

    Returns:
        The training and the held-out pictures, with identities numbered anew.

    Raises:
        UsageError: either side would have fewer than two identities.
    """
    groups = pictures.by_identity()
    if not 2 <= round(share * len(groups)) <= len(groups) - 2:
        raise UsageError(
            "held_out", share, f"at least 2 of the {len(groups)} identities must be held out, and at least 2 trained on"
        )
    draws = [_draw(group[0], pictures.labels, folder) for group in groups]
    count = min(max(2, sum(draw < share for draw in draws)), len(groups) - 2)
    order = sorted(range(len(groups)), key=draws.__getitem__)
    return _take(pictures, groups, sorted(order[count:])), _take(pictures, groups, sorted(order[:count]))


def _take(pictures: Pictures, groups: Sequence[Sequence[Path]], chosen: Sequence[int]) -> Pictures:
    paths = [path for identity in chosen for path in groups[identity]]
    identities = [number for number, identity in enumerate(chosen) for _ in groups[identity]]
    return Pictures(paths, identities, pictures.labels)


def _draw(path: Path, labels: Labels, folder: Path) -> float:
    """A number from 0 to 1 that depends on the name of the identity alone."""
    relative = path.relative_to(folder)
    return chance_of(relative.parts[0] if labels == "folders" else relative.as_posix())


def chance_of(name: str) -> float:
    """A number from 0 to 1 that depends on a name alone."""
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8]) / 2**64


def digest_names(paths: Iterable[Path], folder: Path) -> str:
    """What stands for the very files of a run: the SHA-256 of their names below a folder and their sizes, hexadecimal.

    Contents are not read: that would take as long as an epoch.
    """
    digest = hashlib.sha256()
    for path in paths:
        digest.update(os.fsencode(path.relative_to(folder).as_posix()) + b"\0%d\0" % path.stat().st_size)
    return digest.hexdigest()

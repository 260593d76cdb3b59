"""The folder that pictures are collected in, and its manifest, which is also the memory of what was done.

    manifest.jsonl     one line of JSON per page and per picture, in the order in which they were done
    <sha256>.jpg ...   the pictures, byte for byte as they came, named by their content

A picture is there before its line, and both are whole or not there at all, so that a run may be killed at any moment.
A line has:

    kind      "page" or "picture"
    url       where it is (of a data URI its digest); with "page", the page that it was found on, and "alt", its text
    outcome   "done", "skipped" (on purpose) or "failed", with "reason"; of a URL that was tried again, the last counts
    when      ISO 8601, UTC
    file, sha256, width, height, phash     of a picture that is done; "like": the file that a duplicate is like
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from visop.collect.formats import extension
from visop.collect.near import find_near, perceptual_hash
from visop.collect.page import Picture
from visop.collect.urls import shorten
from visop.contract import Image
from visop.errors import UsageError
from visop.files import write_whole
from visop.journal import Journal

Kind = Literal["page", "picture"]
Outcome = Literal["done", "skipped", "failed"]

MANIFEST = "manifest.jsonl"


class PictureFolder:
    """An open folder. A context manager; one process at a time.

    Args:
        folder: made if it is not there.
        keep_near_duplicates: whether pictures that are nearly the same are all kept.

    Raises:
        UsageError: it cannot be made or written, another process is at it, or its manifest is none of ours.
    """

    def __init__(self, folder: Path, *, keep_near_duplicates: bool = False) -> None:
        self._folder, self._keep_near_duplicates = folder, keep_near_duplicates
        self._results: dict[tuple[str, str], tuple[Outcome, str]] = {}
        self._files: dict[str, str] = {}  # by SHA-256
        self._hashes: dict[int, str] = {}  # files by pHash
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError("folder", folder, f"cannot be made: {error.strerror}") from None
        self._journal = Journal(folder / MANIFEST)
        try:
            self._recall(folder / MANIFEST)
        except BaseException:
            self._journal.__exit__()
            raise

    def __enter__(self) -> PictureFolder:
        return self

    def __exit__(self, *_: object) -> None:
        with self._journal:
            self._journal.sync()

    def __len__(self) -> int:
        """Return the number of pictures in the folder."""
        return len(self._files)

    def outcome(self, kind: Kind, url: str) -> Outcome | None:
        """Return what became of a page or picture; None if it was never tried to the end."""
        return self._results.get((kind, shorten(url)), (None,))[0]

    def count(self, kind: Kind) -> Counter[tuple[Outcome, str]]:
        """Count each outcome and reason."""
        return Counter(result for (each, _), result in self._results.items() if each == kind)

    def note_page(self, url: str, outcome: Outcome, reason: str = "") -> None:
        """Write down the outcome of a page."""
        self._note({"kind": "page", "url": shorten(url), "outcome": outcome, "reason": reason})

    def note_loss(self, picture: Picture, page: str, outcome: Outcome, reason: str, like: str = "") -> None:
        """Write down why a picture is not in the folder."""
        entry = _entry(picture, page) | {"outcome": outcome, "reason": reason}
        self._note(entry | ({"like": like} if like else {}))

    def add(self, picture: Picture, page: str, data: bytes, image: Image) -> None:
        """Keep a picture, unless it is one that is there already.

        Args:
            picture: where it comes from.
            page: the page that it was found on.
            data: the file as it came.
            image: (H, W, 3) uint8 RGB, what is in it.
        """
        digest = hashlib.sha256(data).hexdigest()
        if digest in self._files:
            return self.note_loss(picture, page, "skipped", "duplicate", self._files[digest])
        bits = perceptual_hash(image)
        if bits is not None and not self._keep_near_duplicates and (like := find_near(bits, self._hashes)) is not None:
            return self.note_loss(picture, page, "skipped", "near duplicate", like)
        file = digest + extension(data)
        write_whole(self._folder / file, data)
        height, width = image.shape[:2]
        phash = "" if bits is None else f"{bits:016x}"
        facts = {"file": file, "sha256": digest, "width": width, "height": height, "phash": phash}
        return self._note(_entry(picture, page) | {"outcome": "done", "reason": ""} | facts)

    def _recall(self, manifest: Path) -> None:
        """Read what earlier runs did, and cut off a torn last line. A file that is no manifest is refused, not cut."""
        end = number = 0
        try:
            for number, (entry, end) in enumerate(self._journal.entries(), 1):  # noqa: B007 - the last ones are used
                self._remember(entry)
        except (KeyError, TypeError, ValueError):
            raise _foreign(manifest, number) from None
        with open(manifest, "rb") as file:
            file.seek(end)
            if b"\n" in file.read():
                raise _foreign(manifest, number + 1)
        self._journal.cut(end)

    def _note(self, entry: dict[str, Any]) -> None:
        entry["when"] = datetime.now(UTC).isoformat(timespec="seconds")
        self._journal.append(entry)
        self._remember(entry)

    def _remember(self, entry: dict[str, Any]) -> None:
        self._results[entry["kind"], entry["url"]] = entry["outcome"], entry["reason"]
        if "file" in entry:
            self._files[entry["sha256"]] = entry["file"]
            if entry["phash"]:
                self._hashes[int(entry["phash"], 16)] = entry["file"]


def _entry(picture: Picture, page: str) -> dict[str, Any]:
    return {"kind": "picture", "url": shorten(picture.url), "page": shorten(page), "alt": picture.alt}


def _foreign(manifest: Path, number: int) -> UsageError:
    why = f"line {number} of {MANIFEST} was not written by visop collect; take another folder"
    return UsageError("folder", manifest.parent, why)

"""Annotated copies of pictures, and what was found cut out of them. The pictures themselves are only read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from visop.client import FoundPart
from visop.contract import Image
from visop.detecting.entries import Entry
from visop.detection import Detection
from visop.errors import UsageError
from visop.files import write_whole
from visop.images.crops import CropOptions, crop_file
from visop.images.decode import ImageLimits
from visop.images.decode_process import decode_in_process
from visop.images.overlay import overlay_file
from visop.sources import is_url

# Files of crops, as ``_crop_name`` calls them.
_CROP = re.compile(r"\d+(-[\w-]+)?\.jpg")


@dataclass(frozen=True)
class Copies:
    """What is written beside the list.

    Attributes:
        annotated: the folder for copies with what was found drawn onto them; None writes none.
        crops: the folder for what was found, cut out, in a folder for each picture; None writes none.
        names: of the copy of each input, relative to these folders.
        limits: on pictures.
        options: of crops, and the quality of copies.
    """

    annotated: Path | None
    crops: Path | None
    names: Mapping[str, PurePath]
    limits: ImageLimits
    options: CropOptions

    def check(self, *, may_exist: bool) -> None:
        """Find out before the run whether it would write over anything.

        Args:
            may_exist: whether copies of an earlier run may be replaced.

        Raises:
            UsageError: a copy would replace a picture, or anything else that is there.
        """
        if self.annotated and self.crops and os.path.realpath(self.annotated) == os.path.realpath(self.crops):
            raise UsageError("crops", self.crops, "is where annotated copies go; take another folder")
        pictures = {os.path.realpath(name) for name in self.names if not is_url(name)}
        for field, folder in (("annotated", self.annotated), ("crops", self.crops)):
            for path in (folder / name for name in self.names.values()) if folder else ():
                if os.path.realpath(path) in pictures:
                    raise UsageError(field, folder, f"the copy would replace the picture {path}; take another folder")
                if not may_exist and os.path.lexists(path):
                    raise UsageError(field, folder, f"{path} is there already; take another folder")

    def add_to(self, entry: Entry, data: bytes, parts: Sequence[FoundPart]) -> None:
        """Write the copies of one picture, and their paths into its entry; the same again gives the same files.

        Args:
            entry: of the picture.
            data: the file.
            parts: what was found, as in the entry.

        Raises:
            VisopError: the picture cannot be decoded here.
            OSError: a file cannot be written.
        """
        image = self._decoded(data, parts)
        if self.annotated and image is not None:
            entry["annotated"] = self._write_annotated(self.annotated / self.names[entry["input"]], image, parts)
        if self.crops:
            folder = self.crops / self.names[entry["input"]]
            _empty(folder)
            for number, (told, part) in enumerate(zip(entry["parts"], parts, strict=True), 1):
                if part.box or part.crop:
                    told["crop"] = self._write_crop(folder, number, image, part)

    def _decoded(self, data: bytes, parts: Sequence[FoundPart]) -> Image | None:
        """The picture, if it is needed: the crops of an original processor come with its answer."""
        if self.annotated or any(part.box for part in parts):
            return decode_in_process(data, self.limits)
        return None

    def _write_annotated(self, path: Path, image: Image, parts: Sequence[FoundPart]) -> str:
        found = [Detection(part.box, part.label, part.score or 0.0, part.keypoints) for part in parts if part.box]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, overlay_file(image, found, (image.shape[1], image.shape[0]), self.options.quality))
        return str(path)

    def _write_crop(self, folder: Path, number: int, image: Image | None, part: FoundPart) -> str:
        path = folder / _crop_name(number, part.label)
        folder.mkdir(parents=True, exist_ok=True)
        if image is not None and part.box:
            file = crop_file(image, part.box, (image.shape[1], image.shape[0]), self.options)
        else:
            file = part.crop or b""
        write_whole(path, file)
        return str(path)


def _crop_name(number: int, label: str) -> str:
    shown = re.sub(r"[^\w-]+", "-", label).strip("-")[:40]
    return f"{number}-{shown}.jpg" if shown else f"{number}.jpg"


def _empty(folder: Path) -> None:
    """Delete the crops of an earlier run, in which something else may have been found."""
    if folder.is_dir() and not folder.is_symlink():
        for path in folder.iterdir():
            if _CROP.fullmatch(path.name):
                path.unlink()

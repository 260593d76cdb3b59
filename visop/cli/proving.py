"""Prove for ``visop compare`` by local features that a picture was made of another, and draw where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from visop.errors import UsageError, VisopError
from visop.files import whole_file

if TYPE_CHECKING:
    from visop.matching.proof import Proof
    from visop.settings import Settings


@dataclass(frozen=True)
class Files:
    """Two files.

    Attributes:
        picture: what may be a copy.
        original: what it may have been made of.
    """

    picture: bytes
    original: bytes


def proof_of(files: Files, settings: Settings) -> Proof | VisopError:
    """Compare the local features of two files; an error where OpenCV is missing or a file cannot be decoded."""
    from visop.images.decode import ImageLimits
    from visop.matching.files import features_of_file
    from visop.matching.proof import prove

    limits, timeout_s = ImageLimits.of(settings), settings.decode_timeout_s
    try:
        picture, original = (
            features_of_file(data, limits, timeout_s=timeout_s) for data in (files.picture, files.original)
        )
    except VisopError as error:
        return error
    return prove(picture, original)


def draw(file: Path, files: Files, proof: Proof | None, settings: Settings) -> None:
    """Draw both side by side, and write it as a PNG. Raises VisopError if a file cannot be read or written."""
    from visop.images.decode import ImageLimits
    from visop.images.decode_process import decode_in_process
    from visop.images.thumbnail import size_of
    from visop.matching.drawing import drawing
    from visop.matching.features import SIDE

    limits, data = ImageLimits.of(settings), (files.picture, files.original)
    picture, original = (decode_in_process(each, limits, SIDE, timeout_s=settings.decode_timeout_s) for each in data)
    found = None if proof is None else proof.found
    sheet = drawing(picture, original, (size_of(files.picture), size_of(files.original)), found)
    try:
        with whole_file(file) as drawn:
            sheet.save(drawn, "PNG")
    except OSError as error:
        raise UsageError("draw", file, error.strerror or str(error)) from error


def proof_words(proof: Proof) -> str:
    """What the features say, as a paragraph."""
    from visop.matching.proof import LEAST_AGREEMENT, LEAST_MATCHES

    places = f"{proof.matches} places in the one lie as in the other"
    alike = f"{proof.agreement:.0%} of what they cover is alike"
    if proof.found is not None:
        done = ", ".join(proof.found.edits) or "hardly moved"
        return f"proven by local features: {places}, and {alike}\ndone to it: {done}"
    if proof.matches < LEAST_MATCHES:
        return f"no proof by local features: {places}; a proof takes {LEAST_MATCHES}"
    return f"no proof by local features: {places}, but only {alike}; a proof takes {LEAST_AGREEMENT:.0%}"

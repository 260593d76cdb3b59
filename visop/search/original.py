"""Tell the original among copies, as far as the files say: which one to keep, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from visop.images.camera import exif_of_camera
from visop.images.decode import ImageLimits
from visop.search.schema import Picture
from visop.search.show.files import first_readable
from visop.settings import Settings


@dataclass(frozen=True)
class Facts:
    """What tells an original from a copy.

    Attributes:
        is_readable: whether a file of it can still be read.
        is_of_camera: whether its Exif names a camera and no image program.
        is_large: whether it has half of the pixels of the largest one, at least: a frame or a caption adds less.
        likeness: mean cosine with the others, of which edits have less than what they were made of.
        pixels: width x height.
        bytes_per_pixel: the fewer, the more it was compressed.
        tags: how many Exif tags it has.
        modified: seconds since 1970.
        letters: of its name, to which programs add what they did: ``a-mirrored.jpg``, ``a (1).jpg``.
    """

    is_readable: bool
    is_of_camera: bool
    is_large: bool
    likeness: float
    pixels: int
    bytes_per_pixel: float
    tags: int
    modified: int
    letters: int


# From the most telling to the least: what it is about, its words, and whether more of it is better.
_CRITERIA: tuple[tuple[Callable[[Facts], float], str], ...] = (
    (lambda facts: facts.is_readable, "the only one that can still be read"),
    (lambda facts: facts.is_of_camera, "as the camera wrote it"),
    (lambda facts: facts.is_large, "the most pixels"),
    (lambda facts: round(facts.likeness, 2), "most like the others"),
    (lambda facts: facts.pixels, "the most pixels"),
    (lambda facts: round(facts.bytes_per_pixel, 2), "the least compressed"),
    (lambda facts: facts.tags, "the most metadata"),
    (lambda facts: -facts.modified, "the oldest"),
    (lambda facts: -facts.letters, "the shortest name"),
)


def original_first(pictures: Sequence[Picture], likeness: Sequence[float], settings: Settings) -> tuple[list[int], str]:
    """Return the places of the pictures with the one to keep first, and what speaks for it, such as ``the oldest``.

    Files are opened, not decoded. The reason is empty if nothing tells the first two apart.

    Args:
        pictures: at least one.
        likeness: mean cosine of each with the others.
        settings: what a file may have.
    """
    most = max(picture.width * picture.height for picture in pictures)
    facts = [_facts(each, like, most, settings) for each, like in zip(pictures, likeness, strict=True)]
    order = sorted(range(len(facts)), key=lambda place: (*_worth(facts[place]), pictures[place].id), reverse=True)
    return order, _reason([facts[place] for place in order])


def _facts(picture: Picture, likeness: float, most_pixels: int, settings: Settings) -> Facts:
    """Read the facts of a picture from the first of its files that can be read."""
    is_readable, is_of_camera, tags = first_readable(picture, settings, _read, (False, False, 0))
    pixels = picture.width * picture.height
    return Facts(
        is_readable=is_readable,
        is_of_camera=is_of_camera,
        is_large=2 * pixels >= most_pixels,
        likeness=likeness,
        pixels=pixels,
        bytes_per_pixel=picture.bytes / max(1, pixels),
        tags=tags,
        modified=picture.modified,
        letters=min(len(PurePath(name).name) for name in picture.names),
    )


def _read(data: bytes, _: ImageLimits) -> tuple[bool, bool, int]:
    return True, *exif_of_camera(data)


def _worth(facts: Facts) -> tuple[float, ...]:
    return tuple(of(facts) for of, _ in _CRITERIA)


def _reason(ordered: Sequence[Facts]) -> str:
    """The first criterion by which the first one is better than all others."""
    first, *rest = ordered
    return next((why for of, why in _CRITERIA if all(of(first) > of(other) for other in rest)), "") if rest else ""

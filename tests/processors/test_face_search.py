"""Faces are found again by their vectors: the face detector and the shipped encoder as a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from tests.models.photos import PHOTOS, open_photo
from visop.contract import Encoder, Processor
from visop.serving.part_encoder import PartEncoder
from visop.synthetic.generate import SERIES, generate_picture

pytestmark = pytest.mark.slow

Vectors = npt.NDArray[np.float32]

# Of the 100 faces that scikit-image has of Labeled Faces in the Wild.
_OTHERS = 40

EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda picture: picture,
    "cropped": lambda picture: picture.crop((110, 10, 330, 260)),
    "cropped close": lambda picture: picture.crop((165, 45, 285, 185)),
    "mirrored": ImageOps.mirror,
    "darkened": lambda picture: picture.point(lambda value: value // 2),
    "smaller": lambda picture: picture.resize((300, 300)),
    "cropped, mirrored and darkened": lambda picture: ImageOps.mirror(picture.crop((110, 10, 330, 260))).point(
        lambda value: value * 6 // 10
    ),
}


@pytest.fixture(scope="module")
def pipeline(faces: Processor, embedded: Encoder) -> PartEncoder:
    return PartEncoder(faces, embedded)


@pytest.fixture(scope="module")
def index(pipeline: PartEncoder) -> tuple[list[str], Vectors]:
    """Names of pictures and vectors, one row for each face."""
    gallery = dict(pictures())
    found = pipeline.bulk_execute([np.asarray(picture) for picture in gallery.values()])
    rows = [(name, part.vector) for name, parts in zip(gallery, found, strict=True) for part in parts]
    return [name for name, _ in rows], np.stack([vector for _, vector in rows if vector is not None])


def pictures() -> Iterator[tuple[str, Image.Image]]:
    """Photographs, other people's faces in drawn pictures, and drawn pictures alone."""
    from skimage import data

    yield from ((name, open_photo(name)) for name in PHOTOS)
    drawn = [Image.fromarray(generate_picture(SERIES * number, 400)) for number in range(_OTHERS)]
    for number, (picture, face) in enumerate(zip(drawn, data.lfw_subset()[:_OTHERS], strict=True)):
        yield f"drawn {number}", picture.copy()
        large = Image.fromarray((face * 255).astype(np.uint8)).resize((150, 150), Image.Resampling.BICUBIC)
        picture.paste(large.convert("RGB"), (40, 30))
        yield f"other {number}", picture


def test_the_index_has_faces_of_many_people(index: tuple[list[str], Vectors]) -> None:
    names, vectors = index
    assert len(names) == len(vectors)
    assert {"astronaut", "camera"} <= set(names)
    assert len({name for name in names if name.startswith("other")}) >= _OTHERS // 2


@pytest.mark.parametrize("edit", EDITS)
def test_the_face_finds_its_picture(pipeline: PartEncoder, index: tuple[list[str], Vectors], edit: str) -> None:
    names, vectors = index
    [face, *_] = pipeline.execute(np.asarray(EDITS[edit](open_photo("astronaut"))))
    assert face.vector is not None
    cosines = vectors @ face.vector
    assert names[int(np.argmax(cosines))] == "astronaut"
    assert max(cosine for name, cosine in zip(names, cosines, strict=True) if name != "astronaut") < 0.5

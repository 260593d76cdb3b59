import io
from pathlib import Path, PurePath
from typing import Any

import pytest
from PIL import Image

from tests.conftest import make_image, make_scene
from visop.client import FoundPart
from visop.detecting.copies import Copies
from visop.detecting.entries import entry_of
from visop.errors import InvalidInput, UsageError, VisopError
from visop.images.crops import CropOptions
from visop.images.decode import ImageLimits
from visop.settings import Settings

SCENE = make_scene({(200, 0, 0): (10, 5, 20, 10)})
LIMITS = ImageLimits.of(Settings())


def copies_in(folder: Path, **changes: Any) -> Copies:
    given: dict[str, Any] = {"annotated": folder / "seen", "crops": folder / "crops", "limits": LIMITS}
    return Copies(names={"a": PurePath("a.jpg")}, options=CropOptions(), **given | changes)


def write(copies: Copies, *parts: FoundPart, data: bytes = SCENE) -> dict[str, Any]:
    entry = entry_of("a", list(parts))
    copies.add_to(entry, data, list(parts))
    return entry


def test_crops_of_an_earlier_run_do_not_stay_and_other_files_do(tmp_path: Path) -> None:
    copies, face = copies_in(tmp_path), FoundPart((10, 5, 20, 10), "face", 0.5)
    write(copies, face, face)
    (tmp_path / "crops" / "a.jpg" / "notes.jpg").write_text("mine")
    entry = write(copies, FoundPart((10, 5, 20, 10), "../odd label\n", 0.5))
    left = sorted(path.name for path in (tmp_path / "crops" / "a.jpg").iterdir())
    assert left == ["1-odd-label.jpg", "notes.jpg"]
    assert entry["parts"][0]["crop"] == f"{tmp_path}/crops/a.jpg/1-odd-label.jpg"


def test_the_crops_of_an_original_processor_are_written_as_they_are(tmp_path: Path) -> None:
    jpeg = make_image(kind="JPEG")
    entry = write(copies_in(tmp_path), FoundPart(crop=jpeg))
    assert Path(entry["parts"][0]["crop"]).read_bytes() == jpeg
    with Image.open(entry["annotated"]) as copy:
        assert copy.size == (64, 48)  # with nothing drawn onto it


def test_a_copy_is_drawn_at_full_size_on_the_picture_of_a_single_pixel_too(tmp_path: Path) -> None:
    entry = write(copies_in(tmp_path), FoundPart((0, 0, 1, 1), "dot", 1.0), data=make_image(size=(1, 1)))
    with Image.open(io.BytesIO(Path(entry["annotated"]).read_bytes())) as copy:
        assert copy.size == (1, 1)


def test_a_picture_that_is_too_large_here_has_no_copy(tmp_path: Path) -> None:
    copies = copies_in(tmp_path, limits=ImageLimits.of(Settings(max_pixels=100)))
    with pytest.raises(InvalidInput):
        write(copies, FoundPart((10, 5, 20, 10), "face", 0.5))


def test_annotated_copies_and_crops_need_folders_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="take another folder"):
        copies_in(tmp_path, crops=tmp_path / "seen").check(may_exist=True)


def test_an_error_is_an_entry_of_its_own() -> None:
    assert entry_of("a", VisopError("why")) == {"input": "a", "code": "INTERNAL", "reason": "why"}

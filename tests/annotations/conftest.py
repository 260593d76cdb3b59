from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visop.annotations.truth import AnnotatedPicture, Annotations, Truth


@pytest.fixture(name="annotations")
def _annotations(tmp_path: Path) -> Annotations:
    """Two pictures of 40 x 30 pixels in ``tmp_path/images``, with three objects in the first."""
    (tmp_path / "images").mkdir()
    paths = [(tmp_path / "images" / name).resolve() for name in ("a.png", "b.png")]
    for path in paths:
        Image.fromarray(np.full((30, 40, 3), 90, np.uint8)).save(path)
    truths = (
        Truth((0, 0, 10, 12), "cat"),
        Truth((30, 20, 10, 10), "dog", difficult=True),
        Truth((5, 6, 1, 1), "cat"),
    )
    pictures = [AnnotatedPicture(path, (40, 30), each) for path, each in zip(paths, (truths, ()), strict=True)]
    return Annotations(("cat", "dog"), tuple(pictures))

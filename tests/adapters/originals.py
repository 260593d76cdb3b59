"""Classes as people wrote them for the systems that visop replaces: they know nothing of visop."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

#: What the classes saw of their files while they had them, and what they are to do instead of answering.
SEEN: list[tuple[str, int, int]] = []
BEHAVIOUR: dict[str, Any] = {}


def _opened(path: str) -> np.ndarray:
    SEEN.append((path, os.stat(path).st_mode & 0o777, os.stat(os.path.dirname(path)).st_mode & 0o777))
    if "raise" in BEHAVIOUR:
        raise RuntimeError(BEHAVIOUR["raise"])
    if "wait" in BEHAVIOUR:
        BEHAVIOUR["wait"].wait()
    return np.asarray(Image.open(path).convert("RGB"))


class Scenes:
    """Of the analysis module: the place of the lighter half, and what the whole may be."""

    def __init__(self) -> None:
        self.labels = ("light", "dark")

    def inference_by_path(self, image_path: str) -> list[Any]:
        image = _opened(image_path)
        if "answer" in BEHAVIOUR:
            answer: list[Any] = BEHAVIOUR["answer"]
            return answer
        height, width = image.shape[:2]
        share = np.float32(image.mean() / 255)
        whole = [[0, 0, width, height], {"light": share, "dark": 1 - share}]
        return [whole, [(0, 0, width // 2, height), {"half": 0.5}]]


class Dummy:
    """Of the analysis module, as its template is."""

    def inference_by_path(self, image_path: str) -> list[Any]:
        return [[(0, 0, 0, 0), {"TEST": 0.95, "DEBUG": 0.05}], [(100, 100, 100, 100), {"TEST": 0.95, "DEBUG": 0.05}]]


class Extractor:
    """Of the retrieval module: descriptors as text."""

    def inference_by_path(self, image_path: str) -> list[dict[str, str]]:
        mean = _opened(image_path).reshape(-1, 3).mean(axis=0)
        return [{"MAC": str([mean.tolist()]), "SPoC": "[[1.0]]"}]


class Descriptors:
    """The same with two descriptors of one length."""

    def inference_by_path(self, image_path: str) -> list[dict[str, str]]:
        red, green, blue = _opened(image_path).reshape(-1, 3).mean(axis=0).tolist()
        return [{"MAC": str([[red, green, blue]]), "SPoC": str([[blue, green, red]])}]


class _Properties:
    """What each class of the engine says of itself, all in strings."""

    accept_filetype = ("png", "jpg", "jepg")

    @property
    def name(self) -> str:
        return "mean"

    @property
    def type(self) -> str:
        return "encoder"

    @property
    def input(self) -> str:
        return "image"

    @property
    def output(self) -> str:
        return "vector"

    @property
    def dimension(self) -> str:
        return "3"

    @property
    def metric_type(self) -> str:
        return "L2"


class CustomOperator(_Properties):
    """An encoder after the engine's guide."""

    def execute(self, img_path: str) -> list[float]:
        mean = _opened(img_path).reshape(-1, 3).mean(axis=0)
        return [each.item() for each in mean / np.linalg.norm(mean)]

    def bulk_execute(self, img_paths: Sequence[str]) -> list[list[float]]:
        return [self.execute(path) for path in img_paths]

    def run(self, images: Sequence[str], urls: Sequence[str]) -> list[list[float]]:
        raise NotImplementedError("never called where there is execute")


class OnlyRun(_Properties):
    """An encoder after the engine's later template."""

    def run(self, images: Sequence[str], urls: Sequence[str]) -> list[list[float]]:
        assert not urls
        files = [base64.b64decode(each.split(",")[1]) for each in images]
        return [np.asarray(Image.open(io.BytesIO(each))).reshape(-1, 3).mean(axis=0).tolist() for each in files]


class _Finds(_Properties):
    name = "halves"
    type = "processor"
    output = "images"
    dimension = metric_type = "-1"


class Halves(_Finds):
    """A detector of the engine's gallery: arrays with blue first in, two parts cut out in base64."""

    def execute(self, image: Any) -> list[Any]:
        if "answer" in BEHAVIOUR:
            answer: list[Any] = BEHAVIOUR["answer"]
            return answer
        middle = image.shape[1] // 2
        return [_jpeg(image[:, :middle]), _jpeg(image[:, middle:])]

    def bulk_execute(self, images: Any) -> list[list[Any]]:
        return [self.execute(image) for image in np.concatenate(np.expand_dims(images, axis=0), axis=0)]


class Files(_Finds):
    """A processor that answers paths of what it cut out."""

    def execute(self, path: str) -> list[str]:
        cut = os.path.join(os.path.dirname(path), "cut.jpg")
        Image.open(path).crop((0, 0, 8, 6)).save(cut, quality=95)
        return [cut]


class Tags(_Finds):
    """A processor that answers labels."""

    output = "tags"

    def execute(self, image: Any) -> list[str]:
        return ["cat", "dog"] if image.shape else []


class Neither(_Properties):
    """An operator of no known type."""

    type = "tagger"

    def execute(self, path: str) -> list[float]:
        return [1.0]


class Broken(_Properties):
    """An operator that never works."""

    def execute(self, given: object) -> list[float]:
        raise RuntimeError(f"cannot take {type(given).__name__}")

    def run(self, images: Sequence[str], urls: Sequence[str]) -> list[list[float]]:
        return []


def _jpeg(image: Any) -> str:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image[:, :, ::-1])).save(file, "JPEG", quality=95)
    return base64.b64encode(file.getvalue()).decode()

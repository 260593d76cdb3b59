"""An operator of the engine's gallery, whose ``run`` is beside the class and leaves its files behind."""

from __future__ import annotations

import base64
import os
import uuid
from collections.abc import Sequence

import numpy as np
from PIL import Image

LOCAL_TMP_PATH = "./tmp/"

#: Where it wrote its files.
WRITTEN: list[str] = []


class Vgg:
    """Without ``execute``."""

    name, type, input, output, dimension, metric_type = "vgg16", "encoder", "image", "vector", "3", "L2"

    def extract_feature(self, img_path: str) -> list[float]:
        return np.asarray(Image.open(img_path).convert("RGB")).reshape(-1, 3).mean(axis=0).tolist()


def run(vgg: Vgg, images: Sequence[str], urls: Sequence[str]) -> list[list[float]]:
    vectors = []
    for each in images:
        head, data = each.split(",")
        path = LOCAL_TMP_PATH + uuid.uuid4().hex + "." + head.split("/")[1].split(";")[0]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
        WRITTEN.append(path)
        assert os.path.exists(path)
        vectors.append(vgg.extract_feature(path))
    return vectors

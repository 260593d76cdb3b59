"""The operator that is served: edit this file.

As it is, it encodes pictures with the encoder that visop ships, with the model that OP_MODEL names, or with the encoder
file that OP_WEIGHTS names. docs/custom-operator.md shows how to put a model of your own here. To try it on files or
URLs, with no server:

    python custom_operator.py photo.jpg https://example.com/photo.jpg
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from visop.contract import Encoder, Image, Vector
from visop.errors import VisopError
from visop.images.decode import ImageLimits, decode_base64, decode_image, resize_image
from visop.images.fetch import Fetcher
from visop.models.choice import choose_model
from visop.models.engines.engine import load_engine
from visop.models.fingerprint import fingerprint
from visop.models.weights import find_weights
from visop.serving.lifecycle import load_operator
from visop.settings import Settings, load_settings


class CustomOperator(Encoder):
    """The image encoder that the settings choose, compiled for this machine."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._spec = choose_model(self._settings)
        if self._settings.resize == "bilinear":  # nearest takes single pixels: it must see all of them
            self.decode_side = 2 * max(self._spec.height, self._spec.width)

    @property
    def name(self) -> str:
        """Shown by Identity."""
        return self._spec.name

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._spec.dimension

    def load(self) -> None:
        """Find the weights and compile the model; once, before the port opens."""
        weights = find_weights(self._spec, self._settings.weights, self._settings.data_dir)
        self._engine = load_engine(self._spec, weights, self._settings)
        self.max_batch = self._engine.max_batch
        self.fingerprint = fingerprint(self._spec, weights, self._settings, self._engine.precision)

    def close(self) -> None:
        """Give back what ``load`` took; once, after the last call."""
        self._engine.close()

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        """(H, W, 3) uint8 RGB of any size -> (height, width, 3) uint8; many threads at once."""
        return resize_image(image, self._spec.height, self._spec.width, self._settings.resize)

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(N, height, width, 3) uint8 -> (N, dimension) float32; one thread, N up to ``max_batch``."""
        return self._engine(batch)


def run(operator: Encoder, datas: Sequence[str] = (), urls: Sequence[str] = ()) -> list[Vector]:
    """Try a loaded operator with no server: base64 images and URLs in, one vector each out; urls first, then datas."""
    limits = ImageLimits.of(Settings())
    with Fetcher.of(Settings()) as fetcher:
        files = [*map(fetcher.fetch, urls), *(decode_base64(data, limits.max_bytes) for data in datas)]
    return operator.bulk_execute([decode_image(file, limits, operator.decode_side) for file in files])


if __name__ == "__main__":
    try:
        loaded = load_operator(load_settings(os.environ).settings)
        loaded.load()
        for each in sys.argv[1:]:
            is_url = "://" in each
            datas = [] if is_url else [base64.b64encode(Path(each).read_bytes()).decode()]
            [vector] = run(loaded, datas, [each] if is_url else [])
            print(each, f"({len(vector)},)", *(f"{value:.4f}" for value in vector[:8]), "...")
    except (VisopError, OSError) as error:
        sys.exit(str(error))

"""The operator that is served: edit this file.

As it is, it encodes pictures with the encoder that visop ships, with the model that OP_MODEL names, or with the encoder
file that OP_WEIGHTS names. docs/tutorials/own-operator.md shows how to put a model of your own here. To try it on files
or URLs, with no server:

    python custom_operator.py picture.jpg https://example.com/picture.jpg
"""

from __future__ import annotations

import sys
from typing import Any

import numpy.typing as npt

from visop import Encoder, Image, Settings
from visop.encoding.trial import main, run
from visop.models import EngineOptions, Selection, WindowEncoder, Windows

__all__ = ["CustomOperator", "run"]


class CustomOperator(Encoder):
    """The image encoder that the settings choose, compiled for this machine."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        self._selection = Selection.of(settings)
        self._options = EngineOptions.of(settings)
        self.decode_side = self._selection.decode_side
        self.descriptors = self._selection.descriptors

    @property
    def name(self) -> str:
        """Shown by Identity."""
        return self._selection.spec.name

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._selection.spec.dimension

    def load(self) -> None:
        """Compile the model; once, before the port opens."""
        self._engine = self._selection.load(self._options)
        self.max_batch, self.precision = self._engine.max_batch, self._engine.precision
        self.fingerprint = self._selection.fingerprint(self.precision)
        self.older_fingerprints = self._selection.older_fingerprints(self.precision)

    def close(self) -> None:
        """Give back what ``load`` took; once, after the last call."""
        self._engine.close()

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        """(H, W, 3) uint8 RGB of any size -> (height, width, 3) uint8; many threads at once."""
        return self._selection.resized(image)

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(N, height, width, 3) uint8 -> (N, dimension) float32; one thread, N up to ``max_batch``."""
        return self._engine(batch)

    def window_encoder(self, windows: Windows) -> WindowEncoder:
        """The same network at a larger size, with a vector for each window: what OP_PROCESSOR=regions:N:pooled is."""
        return self._selection.window_encoder(windows, self._options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

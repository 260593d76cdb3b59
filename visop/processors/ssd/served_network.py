"""What a network must say of itself to be served by ``processor.Ssd``."""

from __future__ import annotations

from typing import Any, Protocol

import numpy.typing as npt

from visop.contract import Image
from visop.processors.boxes import Floats
from visop.processors.ssd.selection import SelectionRule


class ServedNetwork(Protocol):
    """An SSD, before its weights are read. Imports no runtime until it is built."""

    @property
    def name(self) -> str:
        """As ``model`` in detector files."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Of its classes without the background; what has an empty one is not answered."""

    @property
    def priors(self) -> Floats:
        """(P, 4), as of ``prior_boxes``."""

    @property
    def largest_log(self) -> float:
        """Of ``coding.decode``."""

    @property
    def rule(self) -> SelectionRule:
        """How boxes are selected."""

    def prepared(self, image: Image) -> npt.NDArray[Any]:
        """An input of the network, of (H, W, 3) uint8 RGB of any size; called from many threads."""

    def build(self) -> Any:
        """The Keras model, from (N, ...) to (N, P, 5 + labels): offsets, probabilities of background and labels."""

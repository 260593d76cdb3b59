"""Objects, by an SSD (Liu et al. 2016): ``ssd300`` on VGG-16, of 20 or 80 kinds, or one that was trained."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.contract import Image, Processor
from visop.detection import Detection
from visop.errors import SettingsError, UsageError
from visop.models.engines.compiled import compiled_model
from visop.models.registry import Precision
from visop.processors.boxes import Floats
from visop.processors.ssd.coding import decode
from visop.processors.ssd.export import MODEL_FILE, export_in_subprocess
from visop.processors.ssd.selection import select
from visop.processors.ssd.weights import SsdWeights, find_ssd_weights
from visop.settings import Settings

#: Raised by whoever changes a graph such that the same weights answer something else.
REVISION = 1

# One picture fills all cores, and memory grows with the batch.
_BATCH = 4


class Ssd(Processor):
    """Finds objects. A part of a network's answer that is no number, such as NaN, is no object.

    Args:
        model: ``auto`` or the name of a variant.
        weights: as of ``find_ssd_weights``.
        settings: of the operator.

    Attributes:
        rule: how boxes are selected; that of the network at first.

    Raises:
        SettingsError: as ``find_ssd_weights``.
        WeightsError: as ``find_ssd_weights``.
    """

    def __init__(self, model: str, weights: str, settings: Settings) -> None:
        self._settings = settings
        self._weights = find_ssd_weights(model, weights, settings.data_dir)
        network = self._weights.network
        self.labels = tuple(filter(None, network.labels))
        self.fingerprint = f"{network.name}-{self._weights.kind}-{self._weights.sha256[:12]}"
        self.max_batch = settings.max_batch or _BATCH
        # Of the answers: 4 offsets, the background, the classes.
        self._columns = np.flatnonzero([bool(each) for each in network.labels])
        self._priors, self.rule = network.priors, network.rule

    @property
    def name(self) -> str:
        """Shown by Identity."""
        return self._weights.network.name

    def load(self) -> None:
        """Compile the network.

        Raises:
            UsageError: a package is missing, or the device or the precision is not there.
            WeightsError: the file is damaged, or of another network.
        """
        if importlib.util.find_spec("openvino") is None:
            raise UsageError("", "", "openvino is not installed: pip install 'visop[cpu]'")
        from visop.models.engines.cpu_network import CpuNetwork

        self.precision = _precision(self._settings)
        cache = self._settings.cache_dir.expanduser()
        with compiled_model(
            cache, _key(self._weights), lambda folder: export_in_subprocess(self._weights, folder)
        ) as at:
            self._network = CpuNetwork(at / MODEL_FILE, self.precision, self._settings.threads)

    def close(self) -> None:
        """Give back what ``load`` took."""
        self._network.close()

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        """(H, W, 3) uint8 RGB of any size -> an input of the network."""
        return self._weights.network.prepared(image)

    def infer(self, batch: npt.NDArray[Any]) -> Sequence[Floats]:
        """(N, ...) -> (N, P, 4 + classes): offsets from the priors, probabilities."""
        return list(self._network(batch))

    def postprocess(self, raw: Floats, image_size: tuple[int, int]) -> list[Detection]:
        """Objects inside the picture, the most certain first."""
        network = self._weights.network
        boxes = np.clip(decode(raw[:, :4], self._priors, largest_log=network.largest_log), 0, 1)
        scores = raw[:, 5:][:, self._columns]
        rows, classes = select(boxes, scores, self.rule)
        edges = boxes[rows] * np.tile(np.asarray(image_size, np.float32), 2)
        return [
            Detection(_box(edge), self.labels[each], float(scores[row, each]))
            for row, each, edge in zip(rows, classes, edges, strict=True)
            if (edge[2:] > edge[:2]).all()
        ]


def _box(edges: Floats) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, edges)
    return left, top, right - left, bottom - top


def _key(weights: SsdWeights) -> str:
    facts = [repr(weights.network), weights.sha256, version("openvino"), str(REVISION)]
    return f"{weights.network.name}-{hashlib.sha256(' '.join(facts).encode()).hexdigest()[:16]}"


def _precision(settings: Settings) -> Precision:
    """The one asked for. ``auto`` is f32: what bf16 does to boxes was not measured."""
    from visop.models.engines.openvino import native_precisions

    if settings.device == "gpu":
        raise SettingsError("device", "gpu", "ssd300 runs on the CPU; take cpu or auto")
    asked: Precision = "f32" if settings.precision == "auto" else settings.precision
    if asked == "int8" or asked not in native_precisions():
        raise SettingsError("precision", asked, "not available for ssd300 on this processor; take f32 or auto")
    return asked

"""Write weights of an SSD in any form as a detector file: what ``visop convert`` does for detectors."""

from __future__ import annotations

from pathlib import Path

from visop.models.detector_file import write_detector_file
from visop.models.encoder_file import made_now
from visop.processors.ssd.variants import Variant
from visop.processors.ssd.weights import SsdWeights, find_ssd_weights


def convert_ssd(weights: SsdWeights, out: Path) -> SsdWeights:
    """Write a detector file that finds what these weights find.

    Args:
        weights: in a form that others publish, or random. Of a detector file there is nothing to convert.
        out: the file; what is there is replaced.

    Returns:
        The weights that the file has.

    Raises:
        WeightsError: the weights are damaged or of another network, or the file cannot be written.
        UsageError: a package is missing that reads them.
    """
    network = weights.network
    divisor = network.divisor if isinstance(network, Variant) else 1
    write_detector_file(
        out,
        model=network.name,
        labels=network.labels,
        tensors=weights.tensors(),
        card={"name": out.stem, "summary": f"{network.name} with {weights.kind} weights", "made": made_now()},
        network={"divisor": divisor} if divisor > 1 else {},
    )
    return find_ssd_weights(network.name, str(out), out.parent)

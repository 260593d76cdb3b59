"""Which weights an SSD has, found and identified before anything is built; and their numbers. Opens no connection.

``data/prepare_model.sh`` fetches the published ones.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from visop.errors import SettingsError, WeightsError
from visop.models.checkpoint import checkpoint_files, read_checkpoint
from visop.models.detector_file import (
    DetectorHeader,
    digests_of_detector,
    is_detector_file,
    read_detector_header,
    read_detector_tensors,
)
from visop.models.tensor_file import SUFFIX, Shapes, check_finite
from visop.models.weights import check_listed
from visop.processors.boxes import Floats
from visop.processors.ssd import small
from visop.processors.ssd.published_names import from_torch, tf1_name, torch_name, torch_shape
from visop.processors.ssd.random_weights import RECIPE, random_tensors
from visop.processors.ssd.served_network import ServedNetwork
from visop.processors.ssd.small import SmallSsd
from visop.processors.ssd.torch_file import read_torch_file
from visop.processors.ssd.variants import SSD300_COCO, SSD300_VOC, VARIANTS, Variant, find_variant

logger = logging.getLogger(__name__)

_TORCH_SUFFIXES = (".pth", ".pt")
_CHECKPOINT_SUFFIXES = (".ckpt", ".index", ".zip")

# Of other numbers of channels: those of the paper are 64 and more.
_DIVISORS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class SsdWeights:
    """Weights that are there, as far as can be told without reading them into a network.

    Attributes:
        network: what they are weights of, with the labels of a detector file.
        kind: where they come from.
        path: of the file; None if they are random.
        sha256: of the file, or of what random ones are made by; of a detector file, of its tensors.
    """

    network: ServedNetwork
    kind: Literal["published", "random", "file"]
    path: Path | None
    sha256: str

    def tensors(self) -> dict[str, Floats]:
        """All numbers, by the names of ``layout.tensor_shapes``.

        Raises:
            WeightsError: the file is damaged, or of another network.
            UsageError: a package is missing that reads the file.
        """
        if self.path is not None and self.path.suffix == SUFFIX:
            return read_detector_tensors(self.path)
        if not isinstance(self.network, Variant):
            raise WeightsError("", "", f"{self.network.name} has weights in {SUFFIX} files only")
        shapes = self.network.shapes
        if self.path is None:
            return random_tensors(shapes)
        found = _published_tensors(self.path, shapes)
        check_finite(self.path, found)
        return found


def is_of_detector(model: str, weights: str) -> bool:
    """Whether these settings mean a detector of this package, and not an encoder."""
    path = Path(weights).expanduser()
    if model in VARIANTS or path.suffix in (*_TORCH_SUFFIXES, *_CHECKPOINT_SUFFIXES):
        return True
    return path.suffix == SUFFIX and path.is_file() and is_detector_file(path)


def find_ssd_weights(model: str, weights: str, data_dir: Path) -> SsdWeights:
    """Find the weights of a detector.

    Args:
        model: ``auto``, which the file tells, or the name of a variant.
        weights: ``auto`` (the published ones), ``random``, or the path of a file: a detector file, a checkpoint of
            TensorFlow 1 (``.ckpt``, its ``.index``, or a ``.zip`` of it), or torchvision's ``.pth``.
        data_dir: where the published file is looked for.

    Raises:
        SettingsError: there is no such variant, or the file is of the other one.
        WeightsError: they are missing, damaged, or not the published ones; says what to do.
    """
    if model == small.NAME and weights in ("auto", "imagenet", "random"):
        why = f"there are no such weights for {model}; take a file that `visop train --task detect` wrote"
        raise WeightsError("weights", weights, why)
    if weights in ("auto", "imagenet"):
        return _published(find_variant(model), weights, data_dir.expanduser())
    if weights == "random":
        logger.warning("OP_WEIGHTS=random: what %s finds is good for trials only, it means nothing", model)
        return SsdWeights(find_variant(model), "random", None, hashlib.sha256(RECIPE.encode()).hexdigest())
    path = Path(weights).expanduser()
    found = _detector_file(path) if path.suffix == SUFFIX else _of_kind(weights, path)
    if model not in ("auto", found.network.name):
        raise SettingsError("model", model, f"contradicts {weights}, which is of {found.network.name}; leave it out")
    return found


def _of_kind(weights: str, path: Path) -> SsdWeights:
    """Files that only one variant is published as."""
    if path.suffix in _TORCH_SUFFIXES and path.is_file():
        return SsdWeights(SSD300_COCO, "file", path, _sha256([path]))
    if path.suffix in _CHECKPOINT_SUFFIXES and (files := checkpoint_files(path)):
        return SsdWeights(SSD300_VOC, "file", path, _sha256(files))
    takes = ", ".join([SUFFIX, *_TORCH_SUFFIXES, *_CHECKPOINT_SUFFIXES])
    why = "there is no such file" if path.suffix in takes and path.suffix else f"a detector's weights end in {takes}"
    raise WeightsError("weights", weights, f"{why}; it takes auto, random or a path")


def _detector_file(path: Path) -> SsdWeights:
    return SsdWeights(_network_of(path, read_detector_header(path)), "file", path, digests_of_detector(path).weights)


def _network_of(path: Path, header: DetectorHeader) -> ServedNetwork:
    """The network that a detector file is of.

    Raises:
        WeightsError: it is not known.
    """
    if header.model == small.NAME:
        return SmallSsd.of_file(path, header)
    if header.model not in VARIANTS:
        known = ", ".join([small.NAME, *VARIANTS])
        raise WeightsError("", "", f"{path} is a detector on {header.model}; {known} are known")
    divisor = header.network.get("divisor", 1)
    if divisor not in _DIVISORS:
        raise WeightsError("", "", f"{path}: 'divisor' is {divisor!r}, must be one of {_DIVISORS}")
    return replace(VARIANTS[header.model], labels=header.labels, divisor=divisor)


def _published_tensors(path: Path, shapes: Shapes) -> dict[str, Floats]:
    """Those of a file in one of the forms that others publish."""
    if path.suffix in _TORCH_SUFFIXES:
        there = {torch_name(name): torch_shape(shape) for name, shape in shapes.items()}
        return from_torch(read_torch_file(path, there), list(shapes))
    variables = read_checkpoint(path, {tf1_name(name): shape for name, shape in shapes.items()})
    return {name: variables[tf1_name(name)] for name in shapes}


def _published(variant: Variant, weights: str, data_dir: Path) -> SsdWeights:
    path = data_dir / variant.file
    if weights == "imagenet":
        why = f"a detector has no ImageNet weights; take auto, random, or a path for {variant.name}"
        raise SettingsError("weights", weights, why)
    if not path.is_file():
        raise WeightsError(
            "",
            "",
            f"the weights of {variant.name} are missing: {variant.file} is not in {data_dir}. In a clone of the "
            f"repository, `data/prepare_model.sh {variant.name}` fetches them. OP_WEIGHTS=FILE takes weights of your "
            "own: a detector that `visop train` wrote, a checkpoint (.ckpt), a torchvision file (.pth), or what "
            "`visop convert` made of either. To try things without any: OP_WEIGHTS=random",
        )
    if (digest := published_digest(path, len(variant.digest))) != variant.digest:
        raise WeightsError(
            "",
            "",
            f"{path} is not the published file: its digest is {digest}, must be {variant.digest}. It is cut short or "
            f"altered; delete it and get it again with `data/prepare_model.sh {variant.name}`",
        )
    check_listed(data_dir, path, sha256 := _sha256([path]))
    return SsdWeights(variant, "published", path, sha256)


def published_digest(path: Path, digits: int) -> str:
    """Of a file, as ``Variant.digest``: with 64 digits or 40."""
    if digits == 64:
        return _sha256([path])
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: digest).hexdigest()


def _sha256(files: list[Path]) -> str:
    """Of files, one after the other."""
    digest = hashlib.sha256()
    for each in files:
        with each.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()

"""Which weights, found and identified before anything is built. Imports no runtime, opens no connection.

A server never downloads: `data/prepare_model.sh` does, before the start, so that no start depends on a network and what
runs is what was checked. Weights never change silently: the published ones are compared with the published digest and
with the one in ``weights.sha256``, and the digest of whatever is used becomes part of the fingerprint.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from visop.errors import WeightsError
from visop.files import file_sha256
from visop.models.encoder_file import digests_of_file, read_header
from visop.models.encoder_header import EncoderHeader
from visop.models.registry import ModelSpec
from visop.models.tensor_file import SUFFIX

logger = logging.getLogger(__name__)

_KERAS_CACHE = Path("~/.keras/models")

# In the data folder, as sha256sum writes it; `data/prepare_model.sh` enters what it fetched first.
_LIST = "weights.sha256"

# The seed is part of what "random" means: everybody's random vgg19 is the same, on every backend.
RANDOM_SEED = 0
_RANDOM_RECIPE = f"He-normal, NumPy PCG64, seed {RANDOM_SEED}, revision 1"


@dataclass(frozen=True)
class Weights:
    """Weights that are there and are what they claim to be, as far as can be told without reading them into a model.

    Attributes:
        kind: where they come from; part of the fingerprint that people read.
        path: the file; None for random weights.
        sha256: of the file, or of the recipe of the random weights; hexadecimal. Of an encoder file: of its tensors but
            the ranges, so that another card does not make it another encoder.
        header: what the file says of itself, if it is an encoder file.
        ranges_sha256: of the ranges for eight bits in an encoder file; empty where there are none.
    """

    kind: Literal["shipped", "imagenet", "random", "file"]
    path: Path | None
    sha256: str
    header: EncoderHeader | None = None
    ranges_sha256: str = ""


def find_weights(spec: ModelSpec, weights: str, data_dir: Path) -> Weights:
    """Find the weights of a model.

    Args:
        spec: the model.
        weights: ``auto`` (those that visop ships, or else the published ones), ``imagenet``, ``random``, or the path of
            a file.
        data_dir: where the published file is looked for first; the cache of Keras comes second.

    Raises:
        WeightsError: they are missing, damaged, or not the published ones; says what to do.
    """
    if weights == "random":
        logger.warning("OP_WEIGHTS=random: the vectors of %s are good for trials only, they mean nothing", spec.name)
        return Weights("random", None, hashlib.sha256(_RANDOM_RECIPE.encode()).hexdigest())
    if weights == "auto" and spec.shipped:
        return _shipped(spec, spec.shipped)
    if weights in ("auto", "imagenet"):
        return _published(spec, data_dir)
    path = Path(weights).expanduser()
    if not path.is_file():
        raise WeightsError("weights", weights, "there is no such file; it takes auto, imagenet, random or a path")
    if path.suffix == SUFFIX:
        return _encoder(spec, "file", path)
    check_file_kind(path)
    return Weights("file", path, file_sha256(path))


def _shipped(spec: ModelSpec, path: Path) -> Weights:
    if not path.is_file():
        raise WeightsError("", "", f"the weights of {spec.name} are missing: {path} is part of visop; install it again")
    return _encoder(spec, "shipped", path)


def _encoder(spec: ModelSpec, kind: Literal["shipped", "file"], path: Path) -> Weights:
    header = read_header(path)
    if header.model != spec.name:
        raise WeightsError("", "", f"{path} is an encoder on {header.model}, not on {spec.name}")
    digests = digests_of_file(path)
    return Weights(kind, path, digests.weights, header, digests.ranges)


def _published(spec: ModelSpec, data_dir: Path) -> Weights:
    if spec.weights_url is None:
        raise WeightsError(
            "",
            "",
            f"OP_WEIGHTS=imagenet: there are no ImageNet weights of {spec.name}; take OP_WEIGHTS=auto, or a model that "
            "has some, such as OP_MODEL=vgg19",
        )
    folders = (data_dir.expanduser(), _KERAS_CACHE.expanduser())
    path = next((folder / spec.weights_file for folder in folders if (folder / spec.weights_file).is_file()), None)
    if path is None:
        raise WeightsError(
            "",
            "",
            f"the weights of {spec.name} are missing: {spec.weights_file} is neither in {folders[0]} nor in "
            f"{folders[1]}. Download {spec.weights_url} into one of them; in a clone of the repository, "
            f"`data/prepare_model.sh {spec.name}` does that. "
            "To try things without it: OP_WEIGHTS=random",
        )
    check_file_kind(path)
    _check_digest(spec, path)
    sha256 = file_sha256(path)
    check_listed(folders[0], path, sha256)
    return Weights("imagenet", path, sha256)


def _check_digest(spec: ModelSpec, path: Path) -> None:
    if spec.weights_md5 is None:
        logger.info("no digest is published for %s; this file has sha256 %s", spec.weights_file, file_sha256(path))
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if digest != spec.weights_md5:
        raise WeightsError(
            "",
            "",
            f"{path} is not the published file: its md5 is {digest}, published is {spec.weights_md5}. It is cut short "
            f"or altered; delete it and get it again with `data/prepare_model.sh {spec.name}`",
        )


def check_listed(data_dir: Path, path: Path, sha256: str) -> None:
    """Compare a file with the digest that the list in ``data_dir`` has for its name, if there is one.

    Raises:
        WeightsError: it is another.
    """
    listing = data_dir / _LIST
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if (expected := listed.get(path.name, sha256)) != sha256:
        raise WeightsError(
            "",
            "",
            f"{path} is not the file that was fetched first: its sha256 is {sha256}, {listing} says {expected}. Find "
            "out which of the two is right before you change the list",
        )


def content_sha256(path: Path) -> str:
    """The digest that ``Weights`` has for a file."""
    return digests_of_file(path).weights if path.suffix == SUFFIX else file_sha256(path)


_MAGIC = {".h5": b"\x89HDF\r\n\x1a\n", ".keras": b"PK\x03\x04"}


def check_file_kind(path: Path) -> None:
    """Refuse what cannot be a weights file, by its name and first bytes.

    Raises:
        WeightsError: names the file and what it is.
    """
    if path.suffix not in _MAGIC:
        raise WeightsError("", "", f"{path}: a weights file ends in {SUFFIX}, .h5, .weights.h5 or .keras")
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise WeightsError("", "", f"{path} cannot be read: {error.strerror}") from error
    if not head.startswith(_MAGIC[path.suffix]):
        raise WeightsError("", "", f"{path} is {_guess(head)}; a {path.suffix} file was expected")


def _guess(head: bytes) -> str:
    if not head:
        return "empty"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer and not the file that it points to (run `git lfs pull`)"
    if head.lstrip().startswith(b"<"):
        return "a web page, perhaps the error message of a download"
    return "something else"

"""The weights of the MIT-licensed package ``mtcnn`` 1.0.0, of which nothing is imported or executed.

Its files are pickles of joblib, compressed with LZ4. A pickle can execute anything, so none is loaded: the files are
those with these digests and no others, and of these it is known at which bytes their arrays stand.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from visop.errors import UsageError, WeightsError

Arrays = list[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class WeightsFile:
    """A file of the package.

    Attributes:
        name: of the file.
        sha256: of its bytes.
        arrays: shape and first byte of each array, float32 in C order, in the unpacked file.
    """

    name: str
    sha256: str
    arrays: tuple[tuple[tuple[int, ...], int], ...]


P_NET = WeightsFile(
    "pnet.lz4",
    "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    (
        ((3, 3, 3, 10), 240),
        ((10,), 1376),
        ((10,), 1472),
        ((3, 3, 10, 16), 1568),
        ((16,), 7376),
        ((16,), 7504),
        ((3, 3, 16, 32), 7632),
        ((32,), 26112),
        ((32,), 26304),
        ((1, 1, 32, 4), 26496),
        ((4,), 27056),
        ((1, 1, 32, 2), 27136),
        ((2,), 27440),
    ),
)
R_NET = WeightsFile(
    "rnet.lz4",
    "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    (
        ((3, 3, 3, 28), 240),
        ((28,), 3312),
        ((28,), 3488),
        ((3, 3, 28, 48), 3664),
        ((48,), 52096),
        ((48,), 52352),
        ((2, 2, 48, 64), 52608),
        ((64,), 101808),
        ((64,), 102128),
        ((576, 128), 102448),
        ((128,), 397408),
        ((128,), 397968),
        ((128, 4), 398528),
        ((4,), 400624),
        ((128, 2), 400688),
        ((2,), 401760),
    ),
)
O_NET = WeightsFile(
    "onet.lz4",
    "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
    (
        ((3, 3, 3, 32), 240),
        ((32,), 3744),
        ((32,), 3936),
        ((3, 3, 32, 64), 4128),
        ((64,), 77904),
        ((64,), 78224),
        ((3, 3, 64, 64), 78544),
        ((64,), 226048),
        ((64,), 226368),
        ((2, 2, 64, 128), 226688),
        ((128,), 357808),
        ((128,), 358384),
        ((1152, 256), 358960),
        ((256,), 1538656),
        ((256,), 1539728),
        ((256, 4), 1540816),
        ((4,), 1544960),
        ((256, 10), 1545040),
        ((10,), 1555328),
        ((256, 2), 1555424),
        ((2,), 1557520),
    ),
)


def weights_folder() -> Path:
    """Where the package keeps its weights.

    Raises:
        UsageError: it is not installed.
    """
    found = importlib.util.find_spec("mtcnn")  # which does not import it: it would import TensorFlow
    if found is None or not found.submodule_search_locations:
        raise UsageError("", "", "mtcnn is not installed, whose weights faces needs: pip install 'visop[faces]'")
    return Path(found.submodule_search_locations[0]) / "assets" / "weights"


def read_weights(file: WeightsFile, folder: Path) -> Arrays:
    """The arrays of a file, in the order of the layers: kernel, bias, slope of PReLU; then the outputs.

    Raises:
        WeightsError: the file is missing, or is another.
    """
    import lz4.frame

    path = folder / file.name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError("", str(path), f"{error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise WeightsError("", str(path), "is not the file of mtcnn 1.0.0: its SHA-256 is another")
    unpacked = lz4.frame.decompress(data)
    return [
        np.frombuffer(unpacked, "<f4", math.prod(shape), start).reshape(shape).copy() for shape, start in file.arrays
    ]

"""An operator whose vectors tell which process made them, and that does what the colour of a picture says."""

from __future__ import annotations

import io
import os
import signal
import time
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from visop.contract import Encoder, Image
from visop.errors import ModelFailed

# Of the red channel; the green one has the tenths of a second.
SLEEPS, KILLS = 255, 254
# As numbers of a vector are float32, of which a process id needs two.
_BASE = 4096
# A file whose presence keeps new workers from loading.
BROKEN = "VISOP_TEST_BROKEN"


class Telling(Encoder):
    name = "telling"
    dimension = 3
    fingerprint = "telling-1"
    max_batch = 1

    def load(self) -> None:
        if os.path.exists(os.environ.get(BROKEN, "")):
            raise ModelFailed("the file is there")

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        return image.reshape(-1, 3).mean(axis=0)

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        red, green, _ = batch[0]
        if red == SLEEPS:
            time.sleep(green / 10)
        if red == KILLS:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.array([[os.getpid() // _BASE, os.getpid() % _BASE, 1]], np.float32)


def worker_of(vector: Any) -> int:
    """The process that made a vector."""
    high, low, one = vector
    return round(high / one) * _BASE + round(low / one)


def sleeping(seconds: float) -> bytes:
    """A picture that keeps the model for so long."""
    return _picture(SLEEPS, round(seconds * 10))


def killing() -> bytes:
    """A picture that ends the process whose model sees it."""
    return _picture(KILLS, 0)


def _picture(red: int, green: int) -> bytes:
    file = io.BytesIO()
    PILImage.new("RGB", (16, 12), (red, green, 0)).save(file, "PNG")
    return file.getvalue()


class Unreadable:
    """Cannot be made again from its pickle."""

    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> None:
    raise ValueError("cannot be read")


class SaysUnreadable(Telling):
    """Has what cannot be read among what it says of itself."""

    precision = Unreadable()  # type: ignore[assignment]

"""Run only the model, in a separate process: the upper bound that the service is compared with."""

from __future__ import annotations

import itertools
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from benchmarks.callers import Load
from visop.contract import Encoder
from visop.images.decode import ImageLimits, decode_image
from visop.serving.operators import load_encoder
from visop.settings import Settings


class RawEngine:
    """The engine of the configured operator, with inputs decoded and resized in advance. A context manager."""

    def __init__(self, settings: Settings, photos: Sequence[bytes]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, spawn, _prepare, (settings, list(photos)))

    def __enter__(self) -> RawEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def max_batch(self) -> int:
        """Return the largest batch that the service would send."""
        return self._pool.submit(_max_batch).result()

    def drive(self, *, batch: int, seconds: float) -> Load:
        """Run batches back to back for some seconds."""
        return self._pool.submit(_drive, batch, seconds).result()


# The state of the worker process between calls.
_operator: Encoder
_inputs: list[np.ndarray[Any, Any]]


def _prepare(settings: Settings, photos: list[bytes]) -> None:
    global _operator, _inputs
    _operator = load_encoder(settings)
    _operator.load()
    _inputs = preprocessed(_operator, settings, photos)


def preprocessed(operator: Encoder, settings: Settings, photos: Sequence[bytes]) -> list[np.ndarray[Any, Any]]:
    """Return the engine's input for each photograph, (height, width, 3) uint8."""
    limits = image_limits(settings)
    return [operator.preprocess(decode_image(photo, limits, operator.decode_side)) for photo in photos]


def image_limits(settings: Settings) -> ImageLimits:
    """Return the limits of the service."""
    return ImageLimits(
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_pixels,
        max_frames=settings.max_frames,
        formats=settings.formats,
    )


def _max_batch() -> int:
    return _operator.max_batch


def _drive(batch: int, seconds: float) -> Load:
    # ``infer`` of the built-in encoder is a single call of the compiled graph.
    turns = itertools.cycle(range(len(_inputs)))
    batches = [np.stack([_inputs[next(turns)] for _ in range(batch)]) for _ in _inputs]
    latencies: list[float] = []
    begun = time.perf_counter()
    for each in itertools.cycle(batches):
        started = time.perf_counter()
        _operator.infer(each)
        ended = time.perf_counter()
        latencies += [ended - started] * batch
        if ended - begun > seconds:
            break
    return Load(ended - begun, latencies)

"""What fails in ways that need a process of its own."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from fastapi import FastAPI, Request, Response

from tests.toys import RAISES, ToyOperator
from visop.contract import Encoder, Image
from visop.http.endpoint import Endpoint, Task
from visop.http.server import HttpServer
from visop.serving.pipeline import Input, Pipeline
from visop.serving.server import MakeCompanion
from visop.settings import Settings


class StuckOperator(ToyOperator):
    """Never answers, except to the warm-up."""

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.batches:
            print("stuck", file=sys.stderr, flush=True)
            threading.Event().wait()
        return super().infer(batch)


class StuckPreparation(ToyOperator):
    """Never prepares a picture, except for the warm-up."""

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        if self.batches:
            print("stuck", file=sys.stderr, flush=True)
            threading.Event().wait()
        return super().preprocess(image)


class LeavingPreparation(ToyOperator):
    """Ends its thread over red pictures."""

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        if tuple(image[0, 0]) == RAISES:
            sys.exit("leaves")
        return super().preprocess(image)


class BrokenOperator(ToyOperator):
    """Fails its warm-up."""

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.full((len(batch), 3), np.nan)


class ConfiguredOperator(Encoder):
    """Takes settings."""

    dimension = 1

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def name(self) -> str:
        return self._settings.model

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.ones((len(batch), 1))


@contextmanager
def hanging_store(_operator: Encoder, _pipeline: Pipeline) -> Iterator[list[MakeCompanion]]:
    """Routes beside the operator's that wait for what never answers, with a model and without."""

    def extend(app: FastAPI, endpoint: Endpoint) -> None:
        @app.get("/look")
        async def look(request: Request) -> Response:
            return await endpoint.look(request, hang)

        @app.post("/search")
        async def search(request: Request) -> Response:
            return await endpoint.serve(request, lambda body: Task([Input("body", body.data)], lambda _: hang()))

    yield [functools.partial(HttpServer, extend=extend)]


def hang() -> Any:
    print("stuck", file=sys.stderr, flush=True)
    threading.Event().wait()

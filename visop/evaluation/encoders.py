"""What can be measured, opened: a model by name, an encoder file, a perceptual hash, or a running operator."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from visop.client import Client
from visop.contract import Encoder, Image
from visop.errors import UsageError, VisopError
from visop.evaluation.hashes import HASHES, HashEncoder
from visop.models.registry import MODELS
from visop.serving.named_class import BUILT_IN
from visop.serving.operators import load_encoder, load_model
from visop.settings import Settings, load_settings

Floats = npt.NDArray[np.float32]

# What the name of an encoder says, so that the environment has no say in it.
_SAID = ("OP_OPERATOR", "OP_MODEL", "OP_WEIGHTS", "OP_POOLING")

_MODEL = re.compile(r"(?P<model>[^:@]+)(:(?P<weights>[^@]+))?(@(?P<pooling>.+))?")

FORMS = "MODEL[:WEIGHTS][@POOLING], FILE.safetensors, phash or dhash"


class PictureEncoder(Protocol):
    """What is measured: pictures in, unit vectors out, in the two steps of an operator.

    Attributes:
        name: as reports show it.
        about: what it is, for a reader.
        dimension: of its vectors.
        fingerprint: of the encoder; empty if it has none.
    """

    name: str
    about: str
    dimension: int
    fingerprint: str

    def prepare(self, image: Image) -> Any:
        """One picture, (H, W, 3) uint8 RGB, to one input; called from many threads."""

    def encode(self, inputs: Sequence[Any]) -> Floats:
        """Inputs to (N, dimension) float32 unit vectors; zeros for a picture that it has no vector for."""


@contextmanager
def open_encoder(encoder: str | None, environ: Mapping[str, str]) -> Iterator[PictureEncoder]:
    """Open one encoder; close it in the end.

    Args:
        encoder: one of ``FORMS``; None is the operator that the environment configures. A model or a file is opened in
            the built-in encoder, whatever operator is configured.
        environ: such as ``os.environ``: the settings of an encoder that is opened here, but for model, weights and
            pooling, which ``encoder`` says.

    Raises:
        UsageError: there is no such encoder, or its weights are missing.
    """
    if encoder is None:
        with _open_operator(None, load_settings(environ).settings) as opened:
            yield opened
    elif encoder in HASHES:
        yield HashEncoder(encoder)
    elif (said := _said(encoder)) is not None:
        others = {name: value for name, value in environ.items() if name not in _SAID}
        with _open_operator(encoder, load_settings(others, said | {"operator": BUILT_IN}).settings) as opened:
            yield opened
    else:
        raise UsageError("encoder", encoder, f"must be {FORMS}; the models are {', '.join(MODELS)}")


@contextmanager
def open_running(operator: str) -> Iterator[PictureEncoder]:
    """Connect to the running operator at HOST:PORT; hang up in the end.

    Raises:
        Unreachable: it does not answer.
    """
    with Client(operator) as client:
        yield RemoteEncoder(operator, client)


def _said(text: str) -> dict[str, str] | None:
    """The settings that open it in this process; None if it does not name a model or a file."""
    if text.endswith(".safetensors"):
        return {"weights": text}
    parts = _MODEL.fullmatch(text)
    if parts is None or parts["model"] not in MODELS:
        return None
    return {name: value for name, value in parts.groupdict().items() if value is not None}


@contextmanager
def _open_operator(name: str | None, settings: Settings) -> Iterator[PictureEncoder]:
    operator = load_encoder(settings)
    load_model(operator)
    try:
        operator.warm_up()
        yield OperatorEncoder(name or operator.name, operator)
    finally:
        operator.close()


class OperatorEncoder:
    """An operator in this process, with its own preprocessing."""

    def __init__(self, name: str, operator: Encoder) -> None:
        self.name, self._operator = name, operator
        self.dimension, self.fingerprint = int(operator.dimension), operator.fingerprint
        self.about = f"{operator.name}, in this process"

    def prepare(self, image: Image) -> npt.NDArray[Any]:
        """As the operator's ``preprocess``."""
        return self._operator.preprocess(image)

    def encode(self, inputs: Sequence[npt.NDArray[Any]]) -> Floats:
        """In batches of the size that the operator is good at."""
        step = self._operator.max_batch
        batches = (np.stack(inputs[start : start + step]) for start in range(0, len(inputs), step))
        return _stack([row for batch in batches for row in self._operator.infer_checked(batch)], self.dimension)


class RemoteEncoder:
    """A running operator. Pictures travel as PNG, so that they arrive as they are."""

    def __init__(self, name: str, client: Client) -> None:
        operator = client.identity().operator
        self.name, self._client = name, client
        self.dimension, self.fingerprint = operator.dimension, operator.fingerprint
        self.about = f"{operator.name}, running at {name}"

    def prepare(self, image: Image) -> bytes:
        """A PNG file."""
        file = io.BytesIO()
        PILImage.fromarray(image).save(file, "PNG", compress_level=1)
        return file.getvalue()

    def encode(self, inputs: Sequence[bytes]) -> Floats:
        """In one request, or as many as the operator's limits make of it."""
        return _stack(self._client.encode_partial(images=inputs), self.dimension)


def _stack(rows: Sequence[npt.NDArray[np.float32] | VisopError], dimension: int) -> Floats:
    """A picture without a vector gets zeros: as near to every picture as to its original, so it is never found."""
    return np.stack([np.zeros(dimension, np.float32) if isinstance(row, VisopError) else row for row in rows])


def short_names(texts: Sequence[str]) -> list[str]:
    """File names in place of paths, as long as they tell the encoders apart."""
    names = [Path(text).name if text.endswith(".safetensors") else text for text in texts]
    return names if len(set(names)) == len(names) else list(texts)

"""Learn PCA whitening from the pictures of a folder, and write the encoder that has it: what ``visop whiten`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from visop.contract import Vector
from visop.encoding.local import LocalEncoder, open_local
from visop.errors import SettingsError, UsageError, VisopError
from visop.models.encoder_file import check_out, made_now, write_encoder_file
from visop.models.selection import Selection
from visop.models.whitening import Moments, Whitening, learn_whitening
from visop.settings import Settings
from visop.sources import read_input
from visop.training.ranges import encoder_tensors

_BATCH = 16
_ROWS = 256


@dataclass
class Learning:
    """What came of the pictures so far.

    Attributes:
        moments: of their vectors.
        failed: those without a vector, and why.
    """

    moments: Moments
    failed: dict[str, str] = field(default_factory=dict)


def find_base(settings: Settings) -> Selection:
    """The encoder of the settings, found and not loaded.

    Raises:
        SettingsError: there is none, or it is whitened already, or it gives several descriptors.
    """
    base = Selection.of(settings)
    base.one_pooling()
    if base.weights.header is not None and base.weights.header.has_whitening:
        why = "is whitened already; give the encoder file that it was made from"
        raise SettingsError("weights", base.weights.path, why)
    return base


def check_request(out: Path, dimension: int | None, pictures: int, base: Selection) -> None:
    """Find out before the work what would fail after it.

    Raises:
        UsageError: the name of the file, the dimension or the number of pictures will not do.
    """
    check_out(out)
    if dimension is not None and dimension > base.spec.dimension:
        raise UsageError("dimension", dimension, f"the vectors of {base.spec.name} have only {base.spec.dimension}")
    if pictures <= max(dimension or 1, 1):
        why = (
            f"{pictures} pictures cannot whiten so many dimensions: it takes at least one picture more, and ten times "
        )
        raise UsageError("dimension", dimension or 1, why + "as many are better")


def learn_moments(base: Selection, settings: Settings, names: Sequence[str], on_done: Callable[[], object]) -> Learning:
    """Encode pictures and keep the moments of their vectors; a picture that fails is left out.

    Args:
        base: the encoder.
        settings: that it was found by, in full precision.
        names: files and URLs.
        on_done: called after each of them.

    Raises:
        VisopError: the encoder cannot be loaded, or is not the built-in one.
    """
    learning = Learning(Moments(base.spec.dimension))
    inputs = (read_input(name, settings.max_image_bytes) for name in names)
    with _open(base, settings) as encoder:
        vectors = _vectors(zip(names, encoder.encode_stream(inputs, batch=_BATCH), strict=True), learning, on_done)
        while rows := list(islice(vectors, _ROWS)):
            learning.moments.add(np.stack(rows))
    return learning


@contextmanager
def _open(base: Selection, settings: Settings) -> Iterator[LocalEncoder]:
    fingerprint = base.fingerprint("f32")
    with open_local(settings) as encoder:
        if encoder.info.fingerprint != fingerprint:
            why = f"gives vectors {encoder.info.fingerprint}, and not those of the built-in encoder, {fingerprint}, "
            raise SettingsError("operator", settings.operator, why + "which is what can be whitened")
        yield encoder


def _vectors(
    results: Iterable[tuple[str, Vector | VisopError]], learning: Learning, on_done: Callable[[], object]
) -> Iterator[Vector]:
    for name, result in results:
        if isinstance(result, VisopError):
            learning.failed[name] = str(result)
        else:
            yield result
        on_done()


def write_whitened(out: Path, base: Selection, learning: Learning, dimension: int | None) -> Whitening:
    """Learn the whitening and write base and whitening as one encoder file.

    Raises:
        UsageError: the pictures are too few, or vary in too few directions.
        WeightsError: the file cannot be written.
    """
    whitening = learn_whitening(learning.moments, dimension)
    kernel, bias = whitening.kernel.astype(np.float32), whitening.bias.astype(np.float32)
    write_encoder_file(
        out,
        model=base.spec.name,
        pooling=base.one_pooling(),
        dimension=len(bias),
        tensors={**encoder_tensors(base), "whitening/kernel": kernel, "whitening/bias": bias},
        card=_card(out, base, learning, whitening),
    )
    return whitening


def _card(out: Path, base: Selection, learning: Learning, whitening: Whitening) -> dict[str, Any]:
    """The card of the base, less what was measured on other vectors, and what was done."""
    fingerprint = base.fingerprint("f32")
    old: Mapping[str, Any] = base.weights.header.card if base.weights.header else {}
    pictures, dimension = learning.moments.count, len(whitening.bias)
    kept = {name: value for name, value in old.items() if name not in ("metrics", "calibration")}
    return {
        **kept,
        "name": out.stem,
        "summary": f"{fingerprint}, whitened to {dimension} dimensions on {pictures} pictures",
        "whitening": {"base": fingerprint, "pictures": pictures, "variance_kept": round(whitening.kept, 6)},
        "made": made_now(before=old.get("made")),
    }

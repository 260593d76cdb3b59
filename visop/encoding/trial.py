"""Try an operator on a few files or URLs, with no server."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from visop.contract import Encoder, Processor, Vector
from visop.detection import Detection, Part, score_text
from visop.errors import VisopError
from visop.images.base64_text import decode_base64
from visop.images.decode import ImageLimits, decode_image
from visop.images.fetching.fetch import Fetcher
from visop.serving.operators import load_model, load_operator
from visop.serving.part_encoder import AnyOperator
from visop.settings import Settings, load_settings


@overload
def run(
    operator: Encoder, datas: Sequence[str] = (), urls: Sequence[str] = (), settings: Settings | None = None
) -> list[Vector]: ...
@overload
def run(
    operator: Processor, datas: Sequence[str] = (), urls: Sequence[str] = (), settings: Settings | None = None
) -> list[list[Detection]]: ...
@overload
def run(
    operator: AnyOperator, datas: Sequence[str] = (), urls: Sequence[str] = (), settings: Settings | None = None
) -> Sequence[Any]: ...
def run(
    operator: AnyOperator, datas: Sequence[str] = (), urls: Sequence[str] = (), settings: Settings | None = None
) -> Sequence[Any]:
    """Serve pictures with a loaded operator, as ``Execute`` does.

    Args:
        operator: loaded.
        datas: base64 images.
        urls: http or https.
        settings: limits on the pictures, and which addresses may be fetched; None is the defaults.

    Returns:
        One result for each, urls first, then datas: of an encoder a vector, (dimension,) float32; of a processor its
        detections; of a pipeline its parts with their vectors.

    Raises:
        VisopError: one of them cannot be fetched or decoded, or the model fails on it.
    """
    settings = settings or Settings()
    limits = ImageLimits.of(settings)
    with Fetcher.of(settings) as fetcher:
        files = [*map(fetcher.fetch, urls), *(decode_base64(data, limits.max_bytes) for data in datas)]
    return operator.bulk_execute([decode_image(file, limits, operator.decode_side) for file in files])


def main(names: Sequence[str]) -> str | None:
    """Load the operator that the environment configures, and print what it answers for pictures.

    Args:
        names: files and URLs.

    Returns:
        What went wrong, for ``sys.exit``.
    """
    try:
        operator = load_operator(load_settings(os.environ).settings)
        load_model(operator)
        if not names:
            what = f"with vectors of {operator.dimension} numbers" if operator.dimension > 0 else "and finds parts"
            sys.stdout.write(f"{operator.name} works, {what}; name files or URLs\n")
        for name in names:
            is_url = "://" in name
            datas = [] if is_url else [base64.b64encode(Path(name).read_bytes()).decode()]
            [result] = run(operator, datas, [name] if is_url else [])
            sys.stdout.writelines(f"{name} {line}\n" for line in _told(result))
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    except VisopError as error:
        return str(getattr(error, "detail", error))
    return None


def _told(result: Any) -> Iterator[str]:
    if isinstance(result, np.ndarray):
        yield _vector(result)
        return
    yield f"{len(result)} parts"
    for each in result:
        part = each if isinstance(each, Part) else Part(each)
        box = " ".join(f"{side:.1f}" for side in part.detection.box)
        yield f"{part.detection.label} {score_text(part.detection.score)} at {box} {_vector(part.vector)}".strip()


def _vector(vector: Vector | None) -> str:
    if vector is None:
        return ""
    numbers = " ".join(f"{value:.4f}" for value in vector[:8])
    return f"({len(vector)},) {numbers} ..."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

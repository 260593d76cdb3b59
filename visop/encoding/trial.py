"""Try an operator on a few files or URLs, with no server."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from visop.contract import Encoder, Vector
from visop.errors import VisopError
from visop.images.base64_text import decode_base64
from visop.images.decode import ImageLimits, decode_image
from visop.images.fetching.fetch import Fetcher
from visop.serving.operators import load_model, load_operator
from visop.settings import Settings, load_settings


def run(
    operator: Encoder, datas: Sequence[str] = (), urls: Sequence[str] = (), settings: Settings | None = None
) -> list[Vector]:
    """Encode pictures with a loaded operator, as ``Execute`` does.

    Args:
        operator: loaded.
        datas: base64 images.
        urls: http or https.
        settings: limits on the pictures, and which addresses may be fetched; None is the defaults.

    Returns:
        One vector for each, (dimension,) float32: urls first, then datas.

    Raises:
        VisopError: one of them cannot be fetched, decoded or encoded.
    """
    settings = settings or Settings()
    limits = ImageLimits.of(settings)
    with Fetcher.of(settings) as fetcher:
        files = [*map(fetcher.fetch, urls), *(decode_base64(data, limits.max_bytes) for data in datas)]
    return operator.bulk_execute([decode_image(file, limits, operator.decode_side) for file in files])


def main(names: Sequence[str]) -> str | None:
    """Load the operator that the environment configures, and print the first numbers of the vectors of pictures.

    Args:
        names: files and URLs.

    Returns:
        What went wrong, for ``sys.exit``.
    """
    try:
        operator = load_operator(load_settings(os.environ).settings)
        load_model(operator)
        if not names:
            sys.stdout.write(
                f"{operator.name} works, with vectors of {operator.dimension} numbers; name files or URLs\n"
            )
        for name in names:
            is_url = "://" in name
            datas = [] if is_url else [base64.b64encode(Path(name).read_bytes()).decode()]
            [vector] = run(operator, datas, [name] if is_url else [])
            numbers = " ".join(f"{value:.4f}" for value in vector[:8])
            sys.stdout.write(f"{name} ({len(vector)},) {numbers} ...\n")
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    except VisopError as error:
        return str(getattr(error, "detail", error))
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

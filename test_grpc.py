"""Smoke test of a running operator, of visop or an original one: python test_grpc.py -e HOST:PORT [--file F] [--url U].

It prints what the operator is, whether it is healthy, and the count, dimension and norms of its vectors. The exit
status is 0 if everything is right and 1 otherwise: the operator is unreachable or unhealthy, a count or dimension is
wrong, or a vector is not of unit length. It needs gRPC and NumPy, and uses only the three original RPCs and fields.
"""

from __future__ import annotations

import argparse
import base64
import struct
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from visop.cli.old_spellings import add_old_spelling
from visop.client import HEALTHY, Client
from visop.errors import VisopError

# Norms in float32 are exact to 1e-6; an operator that computes in half precision may be off by more.
_NORM_TOLERANCE = 1e-3


class CheckFailed(Exception):
    """The operator failed a check; the message says which."""


def main(argv: Sequence[str] | None = None) -> int:
    """Check one operator and return the exit status."""
    arguments = _parse(argv)
    try:
        files = [_read(path) for path in arguments.file]
        if not files and not arguments.url:
            files = [tiny_png()]
        with Client(arguments.operator, timeout_s=arguments.timeout) as client:
            check(client, files, arguments.url)
    except (CheckFailed, VisopError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("OK")
    return 0


def check(client: Client, files: Sequence[bytes], urls: Sequence[str]) -> None:
    """Call the operator, print its answers and check them.

    Args:
        client: connected to the operator.
        files: contents of image files.
        urls: http or https URLs of image files.

    Raises:
        CheckFailed: the answers contradict each other, or the operator is unhealthy.
        VisopError: a call failed.
    """
    identity = client.identity()
    operator = identity.operator
    print(f"identity   {operator.name}: {operator.type}, {operator.input} -> {operator.output}")
    print(f"           dimension {operator.dimension}, metric {operator.metric_type}, at {identity.endpoint}")
    print(f"           fingerprint {operator.fingerprint or 'not given'}, version {identity.version or 'not given'}")
    health = client.health()
    print(f"health     {health}")
    if health != HEALTHY:
        raise CheckFailed(f"the operator is not healthy: {health}")
    datas = [base64.b64encode(data).decode("ascii") for data in files]
    # Two calls, because an original operator ignores urls in a request that also has datas.
    answers = ([client.encode(urls=urls)] if urls else []) + ([client.encode(datas=datas)] if datas else [])
    if len({vectors.shape[1] for vectors in answers}) > 1:
        raise CheckFailed("urls and datas have vectors of different dimensions")
    vectors = np.concatenate(answers)
    print(f"vectors    {vectors.shape[0]} of dimension {vectors.shape[1]}")
    check_vectors(vectors, (len(urls) + len(files), operator.dimension))


def check_vectors(vectors: npt.NDArray[np.float32], expected: tuple[int, int]) -> None:
    """Check that vectors, float32, have the shape (number of inputs, dimension in Identity) and unit length.

    Raises:
        CheckFailed: the count or dimension is wrong, or a vector is not of unit length.
    """
    if vectors.shape != expected:
        raise CheckFailed(f"vectors of shape {vectors.shape}, expected {expected}")
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    print(f"norms      {norms.min():.6f} to {norms.max():.6f}")
    if not np.all(np.abs(norms - 1) <= _NORM_TOLERANCE):  # also raises if a norm is NaN
        raise CheckFailed(f"vectors are not of unit length: norms from {norms.min():g} to {norms.max():g}")


def tiny_png(side: int = 32) -> bytes:
    """Draw a square colour gradient as an 8-bit RGB PNG (https://www.w3.org/TR/png-3/, section 5), without Pillow."""
    ramp = [255 * position // (side - 1) for position in range(side)]
    rows = b"".join(b"\0" + bytes(value for x in ramp for value in (x, y, 255 - x)) for y in ramp)
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckFailed(f"{path}: {error.strerror}") from None


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Smoke test of a running operator. The exit status is 0 if every check passes, else 1."
    )
    operator = parser.add_argument(
        "-e", "--operator", default="127.0.0.1:50051", metavar="HOST:PORT", help="default: %(default)s"
    )
    add_old_spelling(parser, "--endpoint", operator)
    parser.add_argument("--file", action="append", default=[], type=Path, metavar="FILE", help="a picture; repeatable")
    parser.add_argument("--url", action="append", default=[], help="the URL of a picture; repeatable")
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="limit for each call (default: %(default)g)"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

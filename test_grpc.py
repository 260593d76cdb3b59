"""Smoke test of a running operator, ours or an original one: python test_grpc.py -e HOST:PORT [--file F] [--url U].

Prints what the operator is, whether it is healthy, and what its vectors look like. The exit status is 0 if all is
well and 1 if anything is not: unreachable, unhealthy, a wrong count or dimension, a vector that is not of unit length.
Needs gRPC and NumPy; uses only the three original RPCs and fields.
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

from visop.client import HEALTHY, Client
from visop.errors import VisopError

# Float32 arithmetic is good to 1e-6; an operator that computes in half precision may be off by a little more.
_NORM_TOLERANCE = 1e-3


class Failure(Exception):
    """Something is wrong with the operator; the text says what."""


def main(argv: Sequence[str] | None = None) -> int:
    """Check one operator; the exit status."""
    arguments = _parse(argv)
    try:
        files = [_read(path) for path in arguments.file]
        if not files and not arguments.url:
            files = [tiny_png()]
        with Client(arguments.endpoint, timeout_s=arguments.timeout) as client:
            check(client, files, arguments.url)
    except (Failure, VisopError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("OK")
    return 0


def check(client: Client, files: Sequence[bytes], urls: Sequence[str]) -> None:
    """Print what the operator answers.

    Args:
        client: connected to it.
        files: image files.
        urls: addresses of images.

    Raises:
        Failure: the answers contradict each other, or the operator is unhealthy.
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
        raise Failure(f"the operator is not healthy: {health}")
    datas = [base64.b64encode(data).decode("ascii") for data in files]
    # One after the other: in an original operator, datas hide urls that come with them.
    answers = ([client.encode(urls=urls)] if urls else []) + ([client.encode(datas=datas)] if datas else [])
    if len({vectors.shape[1] for vectors in answers}) > 1:
        raise Failure("urls and datas have vectors of different dimensions")
    vectors = np.concatenate(answers)
    print(f"vectors    {vectors.shape[0]} of dimension {vectors.shape[1]}")
    check_vectors(vectors, (len(urls) + len(files), operator.dimension))


def check_vectors(vectors: npt.NDArray[np.float32], expected: tuple[int, int]) -> None:
    """Hold vectors, (N, D) float32, to the count that was asked for and the dimension that Identity says.

    Raises:
        Failure: another count or dimension, or a vector that is not of unit length.
    """
    if vectors.shape != expected:
        raise Failure(f"vectors of shape {vectors.shape}, expected {expected}")
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    print(f"norms      {norms.min():.6f} to {norms.max():.6f}")
    if not np.all(np.abs(norms - 1) <= _NORM_TOLERANCE):  # also if one is NaN
        raise Failure(f"vectors are not of unit length: norms from {norms.min():g} to {norms.max():g}")


def tiny_png(side: int = 32) -> bytes:
    """A square colour gradient as an 8-bit RGB PNG (https://www.w3.org/TR/png-3/, section 5), made without Pillow."""
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
        raise Failure(f"{path}: {error.strerror}") from None


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Smoke test of a running operator; the exit status tells.")
    parser.add_argument("-e", "--endpoint", default="127.0.0.1:50051", metavar="HOST:PORT", help="default: %(default)s")
    parser.add_argument("--file", action="append", default=[], type=Path, metavar="FILE", help="an image; repeatable")
    parser.add_argument("--url", action="append", default=[], help="the address of an image; repeatable")
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="per call (default: %(default)g)"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

"""Measure the server's memory over many requests, to find leaks.

    python -m benchmarks.memory
    python -m benchmarks.memory --requests 200 --every 20     # a quick check that it still runs
    python -m benchmarks.memory --model embedded --weights auto --processor regions:5 --side 256      # a pipeline

Eight callers send a realistic mixture, drawn from a fixed seed: pictures from 64 x 64 to --side in six formats;
one request in twenty is bad (truncated, not an image, not base64); one call in a hundred is cancelled at a random
moment. After every ``--every`` requests the callers pause, and the server's resident memory (VmRSS) is read. The exit
status is 1 if any answer was unexpected.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks.callers import base64_request, execute_rpc
from benchmarks.photos import mixed_files
from benchmarks.report import machine_facts, markdown_table
from benchmarks.server_process import ServerProcess
from benchmarks.weights_file import weights_file
from visop.models.registry import MODELS
from visop.rpc import rpc_pb2

_CALLERS = 8
_FILES = 300
_BAD_SHARE, _CANCELLED_SHARE = 0.05, 0.01
_LONGEST_PATIENCE_S = 0.05


@dataclass(frozen=True)
class Turn:
    """A request to send.

    Attributes:
        request: a serialised ExecuteRequest.
        expected: the status that the answer must have.
        patience_s: the caller cancels after this many seconds; None: never.
    """

    request: bytes
    expected: grpc.StatusCode
    patience_s: float | None


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    good, bad = _requests(args.side)
    rng = random.Random(0)
    resident: dict[int, float] = {}
    answers: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        weights = args.weights if args.weights == "auto" else weights_file(args.model, args.weights, Path(folder))
        environ = {"OP_MODEL": args.model, "OP_WEIGHTS": str(weights), "OP_CACHE_DIR": folder}
        environ |= {"OP_PROCESSOR": args.processor} if args.processor else {}
        with (
            ServerProcess(["server.py"], environ) as server,
            grpc.insecure_channel(server.address, [("grpc.enable_http_proxy", 0)]) as channel,
        ):
            server.wait(good[0])
            for done in range(args.every, args.requests + 1, args.every):
                answers += _send(channel, [_draw(rng, good, bad) for _ in range(args.every)])
                resident[done] = server.resident_mib()
                print(f"{done} requests: {resident[done]:.0f} MiB", file=sys.stderr, flush=True)
    _report(args, resident, answers)
    sys.exit(1 if answers["unexpected"] else 0)


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mobilenetv2", choices=MODELS, help="default: mobilenetv2, the quickest")
    parser.add_argument("--weights", default="random", help="random (seeded; default), auto, imagenet or a path")
    parser.add_argument("--processor", default="", help="before the model, such as regions:5; default: none")
    parser.add_argument("--side", type=int, default=2048, help="the longest side of a picture; default: 2048")
    parser.add_argument("--requests", type=int, default=20_000, help="default: 20000")
    parser.add_argument("--every", type=int, default=1000, help="requests between two readings; default: 1000")
    return parser.parse_args()


def _requests(side: int) -> tuple[list[bytes], list[bytes]]:
    files = mixed_files(_FILES, most_side=side)
    not_base64 = rpc_pb2.ExecuteRequest(datas=["this is not base64!"]).SerializeToString()
    bad = [base64_request(file[: len(file) // 2]) for file in files if file.startswith((b"\xff\xd8", b"\x89PNG"))]
    return [base64_request(file) for file in files], [*bad[:20], *10 * [base64_request(b"not an image"), not_base64]]


def _draw(rng: random.Random, good: Sequence[bytes], bad: Sequence[bytes]) -> Turn:
    patience_s = rng.uniform(0, _LONGEST_PATIENCE_S) if rng.random() < _CANCELLED_SHARE else None
    if rng.random() < _BAD_SHARE:
        return Turn(rng.choice(bad), grpc.StatusCode.INVALID_ARGUMENT, patience_s)
    return Turn(rng.choice(good), grpc.StatusCode.OK, patience_s)


def _send(channel: grpc.Channel, turns: Sequence[Turn]) -> Counter[str]:
    with ThreadPoolExecutor(_CALLERS) as pool:
        return Counter(pool.map(lambda turn: _take(channel, turn), turns))


def _take(channel: grpc.Channel, turn: Turn) -> str:
    call = execute_rpc(channel).future(turn.request, timeout=60)
    if turn.patience_s is not None:
        time.sleep(turn.patience_s)
        if call.cancel():
            return "given up"
    if call.code() is turn.expected:
        return turn.expected.name
    print(f"{call.code()} instead of {turn.expected}: {call.details()}", file=sys.stderr, flush=True)
    return "unexpected"


def _report(args: argparse.Namespace, resident: dict[int, float], answers: Counter[str]) -> None:
    first, last = min(resident), max(resident)
    kinds = ", ".join(f"{count} {answer}" for answer, count in answers.most_common())
    print(f"{' and '.join(filter(None, (args.processor, args.model)))}; answers: {kinds}\n")
    rows = [(str(done), f"{mib:.0f}", f"{mib / resident[first]:.3f}") for done, mib in resident.items()]
    print(markdown_table(("requests", "resident MiB", "of the first"), rows))
    print(f"\nAfter {last} requests {resident[last] / resident[first]:.3f} times what it was after {first}.")


if __name__ == "__main__":
    main()

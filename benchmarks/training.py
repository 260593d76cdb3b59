"""Measure what training gains: recall under rotation, on identities that were not trained on, before and after.

    python -m benchmarks.training
    python -m benchmarks.training --model embedded --epochs 10
    python -m benchmarks.training --identities 50 --held-out 20 --epochs 1 --steps 2     # a quick check

It generates pictures, each an identity of its own, trains a model on 500 of them from seeded random weights with
`visop train`, and compares it with the same random weights on 200 others with `visop evaluate`. Random weights are used
because they need no download; with published ones, both results would be higher. The loss is contrastive, because
triplets with the hardest negatives collapse from random weights (which `visop train` detects and reports).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import machine_facts
from visop.models.registry import MODELS
from visop.synthetic.generate import generate_folder

_ROTATIONS = "rotate-90,rotate-180,rotate-270,rotate-10,rotate-45"
_SIDE = 256
_TRAINED_SEED, _HELD_OUT_SEED = 1, 2


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        generate_folder(folder / "trained", args.identities, _SIDE, _TRAINED_SEED, 0)
        generate_folder(folder / "held-out", args.held_out, _SIDE, _HELD_OUT_SEED, 0)
        out = folder / f"{args.model}-trained.safetensors"
        _visop("train", folder / "trained", "--out", out, "--model", args.model, "--weights", "random", *_flags(args))
        encoders = ["--encoder", f"{args.model}:random", "--encoder", out, "--encoder", "phash"]
        report = ["--transformations", _ROTATIONS, "--out", folder / "report"]
        _visop("evaluate", folder / "held-out", *encoders, *report)


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mobilenetv2", choices=MODELS, help="default: mobilenetv2")
    parser.add_argument("--loss", default="contrastive", choices=("triplet", "contrastive"))
    parser.add_argument("--identities", type=int, default=500, help="pictures to train on; default: 500")
    parser.add_argument("--held-out", type=int, default=200, help="pictures to measure on; default: 200")
    parser.add_argument("--epochs", type=int, default=10, help="default: 10")
    parser.add_argument("--steps", type=int, default=50, help="steps in an epoch; default: 50")
    parser.add_argument("--side", type=int, default=128, help="input size in training; default: 128")
    return parser.parse_args()


def _flags(args: argparse.Namespace) -> list[object]:
    rest = ["--dimension", 128, "--learning-rate", 0.002, "--patience", 0]
    return ["--loss", args.loss, "--epochs", args.epochs, "--steps", args.steps, "--side", args.side, *rest]


def _visop(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "visop", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()

"""Compare visop's vectors with those of plain keras.applications on TensorFlow.

    .venv/bin/python -m benchmarks.accuracy [MODEL...]

Prints one table with a row for each model: the largest error of f32, and how well bf16 and int8 keep twelve photos
apart. All use the same seeded He-normal weights in the layout of the published files (tests/models/reference.py
computes the reference).

Cosines are centred, because a random network maps all photos to nearly the same direction, and a plain cosine would
always be 0.9999. `own mean` subtracts each set's own mean: a shift that all vectors share changes no ranking within
one precision. `f32 mean` subtracts the reference's mean from both sets, which counts such a shift as an error.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.report import machine_facts, markdown_table
from visop.models import EngineOptions, Selection
from visop.models.registry import MODELS, Precision
from visop.settings import Settings
from visop.training.convert import convert

PUBLISHED = [name for name, spec in MODELS.items() if spec.weights_url]


def vectors_of(name: str, folder: Path, images: np.ndarray, precision: Precision) -> np.ndarray:
    """Return the vectors of visop's CPU engine, (N, dimension)."""
    path = str(folder / f"{name}.h5")
    settings = Settings(model=name, weights=path, precision=precision, device="cpu", cache_dir=folder)
    selection = Selection.of(settings)
    if precision == "int8":  # needs ranges
        selection = convert(selection, folder / f"{name}.safetensors")
    engine = selection.load(EngineOptions.of(settings))
    return np.concatenate([engine(images[start : start + 4]) for start in range(0, len(images), 4)])


def centred_cosines(a: np.ndarray, b: np.ndarray, mean_of_a: np.ndarray, mean_of_b: np.ndarray) -> np.ndarray:
    """Return the cosine of each row of ``a`` with that of ``b``, after subtracting the means; (N,)."""
    a, b = a - mean_of_a, b - mean_of_b
    cosines: np.ndarray = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return cosines


def row(name: str, folder: Path) -> list[str]:
    """Return the row of the table for a model."""
    subprocess.run([sys.executable, "-m", "tests.models.reference", "vectors", str(folder), name], check=True)
    reference = np.load(folder / f"{name}.npz")
    images, expected = reference["images"], reference["avg"]
    f32, bf16 = (vectors_of(name, folder, images, precision) for precision in ("f32", "bf16"))
    mean = expected.mean(axis=0)
    cosines = [centred_cosines(bf16, expected, own, mean) for own in (bf16.mean(axis=0), mean)]
    if MODELS[name].has_int8:
        int8 = vectors_of(name, folder, images, "int8")
        cosines.append(centred_cosines(int8, expected, int8.mean(axis=0), mean))
    cells = [f"{each.mean():.4f} ({each.min():.4f})" for each in cosines]
    return [
        name,
        f"{np.abs(f32 - expected).max():.1e}",
        *cells,
        *["refused"] * (3 - len(cells)),
        MODELS[name].space[-1],
    ]


def main() -> None:
    """Measure the models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"default: all of {', '.join(PUBLISHED)}")
    names = parser.parse_args().models or PUBLISHED
    print(machine_facts(), end="\n\n")
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(name, Path(folder)) for name in names]
    cosines = ["bf16, own mean: mean (min)", "bf16, f32 mean: mean (min)", "int8, own mean: mean (min)"]
    header = ["model", "f32, largest error", *cosines, "auto takes"]
    print(markdown_table(header, rows))


if __name__ == "__main__":
    main()

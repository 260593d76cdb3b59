"""``visop evaluate``: the command. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from visop.cli.console import imports, note
from visop.cli.flags import Commands, add_command, whole
from visop.errors import SettingsError
from visop.settings import load_settings
from visop.sources import printable

if TYPE_CHECKING:
    from visop.evaluation.evaluate import Gallery, Job, Outcome

_NOTES = """\
encoders:
  embedded, vgg16, ...         a model by name, with its published weights
  vgg16:random, vgg16:W.h5     with other weights; vgg16@rmac with another pooling
  my-encoder.safetensors       an encoder file, as `visop train` writes it
  HOST:PORT                    a running operator
  phash, dhash                 perceptual hashes, the baselines: 64 bits, no model

written, into the folder of --out:
  report.html         everything, for people: tables, plots, the worst failures as pictures; needs no network
  results.csv         encoder, fingerprint, transformation, measure, value
  calibration.json    the thresholds for a copy check, for `visop compare --calibration`

Every picture counts as its own identity. Files that show the same pixels are used once; files that cannot be read are
named and left out. Measure on pictures that the encoder never saw in training.

examples:
  visop evaluate photos/ --encoder embedded --encoder phash
  visop evaluate photos/ --encoder old.safetensors --encoder new.safetensors --out old-and-new
  visop evaluate photos/ --encoder mine.safetensors --calibrate
  visop evaluate photos/ --encoder 127.0.0.1:50051 --limit 500 --transformations mirror,rotate-90,darker
"""


def add_parser(commands: Commands) -> None:
    """Add ``evaluate`` to the commands of ``visop``."""
    summary = "measure how well encoders find edited copies of your pictures"
    parser = add_command(commands, "evaluate", run, summary, _NOTES)
    parser.add_argument("folder", metavar="FOLDER", help="pictures; those below it, too")
    parser.add_argument(
        "--encoder",
        action="append",
        metavar="ENCODER",
        help="what to measure; repeat it to compare (default: OP_MODEL)",
    )
    parser.add_argument("--out", type=Path, default=Path("evaluation"), metavar="FOLDER", help="default: evaluation")
    parser.add_argument(
        "--limit", type=whole(1), metavar="N", help="so many pictures, drawn by the seed (default: all)"
    )
    parser.add_argument("--transformations", default="", metavar="A,B", help="default: all; the report explains each")
    parser.add_argument(
        "--groups",
        action="store_true",
        help="pictures in the same folder may be alike (a series, parts of one photograph): thresholds leave them out",
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="write the thresholds and what was measured into the cards of the encoder files, too",
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of all random choices (default 0)")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print the table, write the report; exit status 0, also if some files could not be read.

    Raises:
        SettingsError: wrong usage, or nothing to measure.
        VisopError: an encoder failed.
    """
    with imports("to evaluate: pip install 'visop[tools]'"):
        from tqdm import tqdm

        from visop.evaluation.encoders import open_encoder, short_names
        from visop.evaluation.evaluate import evaluate

    job = _job(arguments)
    _make_folder(arguments.out)
    texts: list[str | None] = arguments.encoder or [None]
    files = _encoder_files(texts) if arguments.calibrate else []
    names = short_names([text or "configured" for text in texts])
    with ExitStack() as stack:
        encoders = [stack.enter_context(open_encoder(text, os.environ)) for text in texts]
        for encoder, name in zip(encoders, names, strict=True):
            encoder.name = printable(name)
        # None: a bar on a terminal, and none in a log.
        bar = stack.enter_context(tqdm(total=len(job.paths), unit=" pictures", disable=None))
        gallery, outcomes = evaluate(job, encoders, on_done=bar.update)
    _report(arguments.out, job, gallery, outcomes)
    for path, outcome in zip(files, outcomes, strict=False):
        _calibrate(path, outcome)
    return 0


def _encoder_files(texts: Sequence[str | None]) -> list[Path]:
    for text in texts:
        if text is None or not text.endswith(".safetensors"):
            raise SettingsError(f"--calibrate: {text or 'the configured operator'} has no card; name an encoder file")
    return [Path(str(text)) for text in texts]


def _calibrate(path: Path, outcome: Outcome) -> None:
    from visop.evaluation.results import ALL, table
    from visop.models.encoder_file import read_header, replace_card

    calibration = outcome.calibration.card()
    measured = {"data": calibration["data"], "pictures": calibration["pictures"], **table(outcome)[ALL]}
    card = dict(read_header(path).card)
    metrics = {**card.get("metrics", {}), "evaluated": measured}
    replace_card(path, {**card, "metrics": metrics, "calibration": calibration})
    print(f"{printable(str(path))}: calibrated")


def _make_folder(path: Path) -> None:
    """Before the work: it may take an hour."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"--out {path}: {error.strerror}") from None


def _job(arguments: argparse.Namespace) -> Job:
    import numpy as np

    from visop.evaluation.evaluate import Job
    from visop.evaluation.samples import choose_transformations
    from visop.images.decode import ImageLimits
    from visop.sources import find_inputs

    names = [name for name in arguments.transformations.split(",") if name]
    transformations = choose_transformations(names)
    if not os.path.isdir(arguments.folder):
        raise SettingsError(f"{arguments.folder}: must be a folder of pictures")
    paths = find_inputs([arguments.folder])
    if arguments.limit and arguments.limit < len(paths):
        chosen = np.random.default_rng(arguments.seed).choice(len(paths), arguments.limit, replace=False)
        paths = [paths[index] for index in sorted(chosen)]
    if arguments.groups and len(set(map(os.path.dirname, paths))) < 2:
        raise SettingsError(
            f"--groups: all pictures lie in one folder of {arguments.folder}, so that no pair is left to measure; "
            "leave --groups out, or give every group a folder"
        )
    return Job(
        data=_described(arguments, len(transformations)),
        paths=paths,
        transformations=transformations,
        limits=ImageLimits.of(load_settings(os.environ).settings),
        seed=arguments.seed,
        group=os.path.dirname if arguments.groups else None,
    )


def _described(arguments: argparse.Namespace, transformations: int) -> str:
    grouped = ", impostors from other folders" if arguments.groups else ""
    return f"{printable(Path(arguments.folder).resolve().name)}, {transformations} transformations{grouped}"


def _report(folder: Path, job: Job, gallery: Gallery, outcomes: Sequence[Outcome]) -> None:
    from visop.evaluation.report import write_report
    from visop.evaluation.results import text_table, write_calibrations, write_csv

    print(text_table(outcomes))
    for path, reason in gallery.skipped.items():
        note(f"left out: {path}: {reason}")
    if gallery.duplicates:
        note(f"left out: {len(gallery.duplicates)} files with the same pixels as another one")
    write_csv(folder / "results.csv", outcomes)
    write_calibrations(folder / "calibration.json", outcomes)
    write_report(folder / "report.html", job, gallery, outcomes)
    print(f"{len(gallery.originals)} pictures; the report is {printable(str(folder / 'report.html'))}")

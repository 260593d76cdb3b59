"""``visop evaluate``: measure encoders or detectors on pictures. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from visop.cli.console import FAILED, imports, note
from visop.cli.evaluate_detectors import SPLITS, evaluate_detectors
from visop.cli.flags import Commands, add_command, whole
from visop.cli.folder_flags import add_folder_flags, find_options, tell_passed
from visop.cli.old_spellings import tell_new_spelling
from visop.cli.operator_flags import host_port
from visop.errors import UsageError
from visop.part_scheme import NO_PARTS
from visop.settings import load_settings
from visop.sources import printable

if TYPE_CHECKING:
    from visop.evaluation.encoders import PictureEncoder
    from visop.evaluation.evaluate import Gallery, Job, Outcome
    from visop.evaluation.parts import Parts

_NOTES = """\
encoders:
  embedded, vgg16, ...         a model by name, with its published weights
  vgg16:random, vgg16:W.h5     with other weights; vgg16@rmac with another pooling
  my-encoder.safetensors       an encoder file, as `visop train` writes it
  phash, dhash                 perceptual hashes, the baselines: 64 bits, no model

detectors, with --model, or -e of a running processor:
  FOLDER is annotated in the form of Pascal VOC or of COCO; what counts is the mean average precision (mAP). If the data
  set comes with a split, its val is measured on, or else its test; --split takes another, or all.
  faces, ssd300, ssd300:FILE, small.safetensors, module:Class    as `visop detect` takes them

files written, into the folder of --out:
  report.html         everything, for people: tables, plots, the worst failures as pictures; needs no network
  results.csv         encoder, fingerprint, transformation, measure, value; or detector, fingerprint, label, ...
  calibration.json    of encoders: the thresholds for a copy check, for `visop compare --calibration`
  results.json        of detectors: all measures

With --parts, the originals have vectors of their parts, too, and of each the nearest counts, as in a search. More pairs
of vectors are compared, so thresholds are higher: calibration.json and cards have those of each scheme.

Every picture is an identity of its own. Files with the same pixels are used once; files that cannot be read are named
and left out. Measure on pictures that the encoder never saw in training.

examples:
  visop evaluate pictures/ --encoder embedded --encoder phash
  visop evaluate pictures/ --encoder old.safetensors --encoder new.safetensors --out old-and-new
  visop evaluate pictures/ --encoder mine.safetensors --calibrate
  visop evaluate pictures/ --parts regions:10 --parts regions:26
  visop evaluate pictures/ -e 127.0.0.1:50051 --limit 500 --transformations mirror,rotate-90,darker
  visop evaluate annotated/ --model mine.safetensors --model ssd300
"""


class Running(str):
    """The address of a running operator, among the names of encoders."""

    __slots__ = ()


def add_parser(commands: Commands) -> None:
    """Add ``evaluate`` to the commands of ``visop``."""
    summary = "measure how well encoders find edited copies of your pictures, or detectors what is annotated in them"
    parser = add_command(commands, "evaluate", run, summary, _NOTES)
    parser.add_argument("folder", metavar="FOLDER", help="pictures, also in folders below")
    parser.add_argument(
        "--encoder",
        action="append",
        metavar="ENCODER",
        help="what to measure; repeat it to compare (default: the operator that the OP_ settings choose)",
    )
    parser.add_argument(
        "-e",
        "--operator",
        dest="encoder",
        action="append",
        type=lambda text: Running(host_port(text)),
        metavar="HOST:PORT",
        help="a running operator to measure, beside or in place of --encoder; repeat it to compare",
    )
    parser.add_argument(
        "--model",
        dest="models",
        action="append",
        default=[],
        metavar="DETECTOR",
        help="a detector to measure on what is annotated in FOLDER; repeat it to compare",
    )
    parser.add_argument(
        "--annotations",
        choices=("voc", "coco"),
        help="of annotated pictures: their form, where a folder has both (default: the one that it has)",
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        help="of annotated pictures: what is measured on, if the data set has splits (default: val, or else test)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("evaluation"),
        metavar="FOLDER",
        help="where the files go; made if it is not there (default: evaluation)",
    )
    add_folder_flags(parser, lists=False)
    parser.add_argument(
        "--limit", type=whole(1), metavar="N", help="use at most this many pictures, chosen by the seed (default: all)"
    )
    parser.add_argument(
        "--transformations", default="", metavar="A,B", help="ways to edit (default: all; the report explains each)"
    )
    parser.add_argument(
        "--parts",
        action="append",
        default=[],
        metavar="SCHEME",
        help="also measure each encoder with an index of parts, as `visop index --parts` makes it: regions:10, "
        "regions:26, faces, ...; repeat it to compare",
    )
    parser.add_argument(
        "--groups",
        action="store_true",
        help="pictures of one folder may look alike (a series, parts of one photograph): compare only across folders",
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="also write the thresholds and the results into the cards of the encoder files",
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="seed of all random choices (default 0)")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print the table, write the report; exit status 0, also if some files could not be read.

    Raises:
        UsageError: wrong usage, or nothing to measure.
        VisopError: an encoder failed.
    """
    if _are_detectors(arguments):
        _make_folder(arguments.out)
        return evaluate_detectors(arguments, arguments.models, arguments.encoder or [])
    for name in ("split", "annotations"):
        if value := getattr(arguments, name):
            raise UsageError(name, value, "is for detectors: name one with --model")
    with imports("to evaluate: pip install 'visop[tools]'"):
        from visop.evaluation.encoders import short_names
        from visop.evaluation.evaluate import evaluate
        from visop.progress import progress_bar

    job = _job(arguments)
    _make_folder(arguments.out)
    chosen = [_in_new_spelling(each) for each in arguments.encoder or [None]]
    files = _encoder_files(chosen) if arguments.calibrate else []
    with ExitStack() as stack:
        job = replace(job, parts=[stack.enter_context(each) for each in _parts(arguments.parts)])
        encoders = [stack.enter_context(_open(each)) for each in chosen]
        names = short_names([encoder.name for encoder in encoders])
        for encoder, name in zip(encoders, names, strict=True):
            encoder.name = printable(name)
        bar = stack.enter_context(progress_bar(len(job.paths)))
        gallery, outcomes = evaluate(job, encoders, on_done=bar.update)
    _report(arguments.out, job, gallery, outcomes)
    calibrated = [_calibrate(path, outcome) for path, outcome in zip(files, outcomes, strict=False)]
    return 0 if all(calibrated) else FAILED


def _are_detectors(arguments: argparse.Namespace) -> bool:
    """Whether detectors are to be measured: by their flag, or because what runs there is a processor."""
    chosen = arguments.encoder or []
    encoders = [each for each in chosen if not isinstance(each, Running)]
    if arguments.models and encoders:
        raise UsageError("models", arguments.models[0], f"cannot be compared with the encoder {encoders[0]}")
    return bool(arguments.models) or bool(chosen and not encoders and _is_processor(chosen[0]))


def _is_processor(operator: str) -> bool:
    from visop.client import Client

    with Client(operator) as client:
        return client.identity().operator.type == "processor"


def _in_new_spelling(encoder: str | None) -> str | None:
    """What was chosen; an address that was given as ``--encoder`` is that of a running operator."""
    from visop.models.registry import MODELS

    address = re.fullmatch(r"(.+):\d{1,5}", encoder or "")
    if encoder is None or isinstance(encoder, Running) or not address or address[1] in MODELS:
        return encoder
    tell_new_spelling(f"--encoder {encoder}", f"--operator {encoder}")
    return Running(encoder)


def _parts(schemes: Sequence[str]) -> list[AbstractContextManager[Parts]]:
    from visop.evaluation.parts import open_parts

    return [open_parts(each, os.environ) for each in dict.fromkeys(schemes) if each != NO_PARTS]


def _open(encoder: str | None) -> AbstractContextManager[PictureEncoder]:
    from visop.evaluation.encoders import open_encoder, open_running

    return open_running(encoder) if isinstance(encoder, Running) else open_encoder(encoder, os.environ)


def _encoder_files(chosen: Sequence[str | None]) -> list[Path]:
    for each in chosen:
        if each is None or not each.endswith(".safetensors"):
            why = "has no card to write the thresholds into; name an encoder file"
            raise UsageError("", each or "the configured operator", why)
    return [Path(str(each)) for each in chosen]


def _calibrate(path: Path, outcome: Outcome) -> bool:
    """Write what was measured into the card of an encoder file; False if there is no threshold to write."""
    from visop.evaluation.results import ALL, calibration_card, table
    from visop.models.encoder_file import read_header, replace_card

    if not outcome.calibration.thresholds:
        pairs = f"{outcome.calibration.picture_pairs:,} pairs of pictures are too few for a threshold"
        note(f"{printable(str(path))}: not calibrated: {pairs}; evaluate 46 pictures or more")
        return False
    calibration = calibration_card(outcome)
    measured = {"data": calibration["data"], "pictures": calibration["pictures"], **table(outcome)[ALL]}
    card = dict(read_header(path).card)
    metrics = {**card.get("metrics", {}), "evaluated": measured}
    replace_card(path, {**card, "metrics": metrics, "calibration": calibration})
    print(f"{printable(str(path))}: calibrated")
    return True


def _make_folder(path: Path) -> None:
    """Before the work: it may take an hour."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError("out", path, error.strerror or "cannot be made") from None


def _job(arguments: argparse.Namespace) -> Job:
    import numpy as np

    from visop.evaluation.evaluate import Job
    from visop.evaluation.samples import choose_transformations
    from visop.images.decode import ImageLimits
    from visop.sources import find_inputs

    names = [name for name in arguments.transformations.split(",") if name]
    transformations = choose_transformations(names)
    if not os.path.isdir(arguments.folder):
        raise UsageError("folder", arguments.folder, "must be a folder of pictures")
    found = find_inputs([arguments.folder], find_options(arguments))
    tell_passed(found.passed)
    paths = found.names
    if arguments.limit and arguments.limit < len(paths):
        chosen = np.random.default_rng(arguments.seed).choice(len(paths), arguments.limit, replace=False)
        paths = [paths[index] for index in sorted(chosen)]
    if arguments.groups and len(set(map(os.path.dirname, paths))) < 2:
        why = (
            "its pictures are all in one folder, so that --groups leaves no pair to measure; give every group a folder"
        )
        raise UsageError("folder", arguments.folder, why)
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
    from visop.evaluation.results import text_table, with_parts, write_calibrations, write_csv

    every = with_parts(outcomes)
    print(text_table(every))
    for path, reason in gallery.skipped.items():
        note(f"left out: {path}: {reason}")
    if gallery.duplicates:
        note(f"left out: {len(gallery.duplicates)} files with the same pixels as another one")
    write_csv(folder / "results.csv", every)
    write_calibrations(folder / "calibration.json", outcomes)
    write_report(folder / "report.html", job, gallery, every)
    print(f"{len(gallery.originals)} pictures; the report is {printable(str(folder / 'report.html'))}")

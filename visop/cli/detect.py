"""``visop detect``: what is found in pictures, as a list and drawn. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visop.cli.console import KEPT, complain_of_inputs, imports, note, resumable, tell_retries
from visop.cli.detect_flags import CROP_SETTINGS, NOTES, add_detect_flags
from visop.cli.flags import Commands, add_command
from visop.cli.folder_flags import find_options, tell_passed
from visop.cli.operator_flags import check_local_flags
from visop.cli.settings_flags import read_settings
from visop.errors import SettingsError, UsageError
from visop.sources import Found

if TYPE_CHECKING:
    from visop.contract import OperatorInfo
    from visop.detecting.copies import Copies
    from visop.detecting.detection_file import Kept, Outputs
    from visop.detecting.entries import Choice, Entry, Tally
    from visop.detecting.run import Detectors, Looking
    from visop.images.fetching.fetch import Fetcher

_OF_COPIES = {f"setting_{name}" for name in (*CROP_SETTINGS, "fetch_allow")}

_NOT_KEPT = "With --out, what was found would be kept, and the same command would go on."


def add_parser(commands: Commands) -> None:
    """Add ``detect`` to the commands of ``visop``."""
    summary = "find what is in pictures: boxes with labels and scores, as a list and drawn"
    parser = add_command(commands, "detect", run, summary, NOTES)
    add_detect_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look for parts, with a bar or a table; the exit status.

    Raises:
        UsageError: wrong usage, or nothing to look at.
    """
    from visop.sources import find_inputs, read_list

    found = find_inputs(arguments.inputs, find_options(arguments), keep_unreadable=True)
    tell_passed(found.passed, quiet=arguments.quiet)
    found.names.extend(read_list(arguments.list) if arguments.list else [])
    names = _without_copies(found, arguments)
    if not names:
        raise UsageError("", "", "nothing to look at: no pictures in the folders, and no files or URLs")
    if not arguments.quiet:
        tell_retries()
    return resumable(lambda: _detect(names, found.folders, arguments), KEPT if _has_file(arguments) else _NOT_KEPT)


def _without_copies(found: Found, arguments: argparse.Namespace) -> list[str]:
    from visop.detecting.copy_names import outside

    names = found.names
    for field in ("annotated", "crops"):
        if folder := getattr(arguments, field):
            names = outside(Found(names, found.folders), arguments.inputs, folder, field)
    return names


def _has_file(arguments: argparse.Namespace) -> bool:
    return bool(arguments.out or arguments.annotated or arguments.crops)


def _detect(names: Sequence[str], folders: Sequence[str], arguments: argparse.Namespace) -> int:
    from visop.detecting.entries import Choice
    from visop.detecting.run import Looking, reader

    choice = Choice(arguments.min_score, tuple(sorted(set(arguments.labels))))
    outputs = _outputs(arguments)
    if outputs is not None and not arguments.restart:
        outputs.check_unfinished()
    with ExitStack() as stack:
        copies, fetcher = _copies(names, folders, arguments, stack)
        if copies is not None and outputs is not None:
            copies.check(may_exist=arguments.restart or outputs.journal.exists())
        detectors = stack.enter_context(_open_detectors(arguments))
        operator = detectors.operator
        choice.check(operator.labels)
        kept = stack.enter_context(_kept(outputs, operator, choice, arguments))
        read = reader(detectors.max_image_bytes, fetcher)
        looking = Looking(detectors.members, read, choice, copies, arguments.batch)
        _look(looking, names, kept, _shown(names, operator, arguments), has_bar=_has_bar(arguments))
    return _told(kept.tally, outputs, quiet=arguments.quiet)


def _look(
    looking: Looking, names: Sequence[str], kept: Kept, show: Callable[[Entry], object], *, has_bar: bool
) -> None:
    from visop.encoding.run import not_done
    from visop.progress import progress_bar

    for entry in kept.earlier():
        show(entry)
    with progress_bar(len(names), initial=kept.done.total(), quiet=not has_bar) as bar:
        for entry in looking.at(list(not_done(names, kept.done))):
            kept.add(entry)
            show(entry)
            bar.update()
    kept.finish()


@contextmanager
def _open_detectors(arguments: argparse.Namespace) -> Iterator[Detectors]:
    """The running operators, or one in this process."""
    from visop.detecting.run import Detectors, open_running

    if arguments.operators:
        others = {name: value for name, value in vars(arguments).items() if name not in _OF_COPIES}
        check_local_flags(argparse.Namespace(**others), arguments.operators)
        with open_running(arguments.operators) as running:
            yield running
    else:
        settings = read_settings(arguments).settings
        with imports("to detect in this process: pip install 'visop[cpu]'"):
            from visop.detecting.local import open_local
        with _model_named(), open_local(settings) as detector:
            yield Detectors(detector.info, settings.max_image_bytes, {"the operator": detector})


@contextmanager
def _model_named() -> Iterator[None]:
    """Call the model by its flag also where none was given, so that the message says what to give."""
    try:
        yield
    except UsageError as error:
        if error.field != "model" or isinstance(error, SettingsError):
            raise
        raise UsageError("setting_model", error.value, error.why) from None


def _copies(
    names: Sequence[str], folders: Sequence[str], arguments: argparse.Namespace, stack: ExitStack
) -> tuple[Copies | None, Fetcher | None]:
    """What writes copies, and what fetches the pictures for them; None where no copies are wanted."""
    if not (arguments.annotated or arguments.crops):
        return None, None
    with imports("to write copies: pip install 'visop[cpu]'"):
        from visop.detecting.copies import Copies
        from visop.images.crops import CropOptions
        from visop.images.decode import ImageLimits
        from visop.images.fetching.fetch import Fetcher
    from visop.detecting.copy_names import copy_names

    settings = read_settings(arguments).settings
    options = CropOptions(settings.crop_quality, settings.crop_margin)
    named = copy_names(names, folders)
    copies = Copies(arguments.annotated, arguments.crops, named, ImageLimits.of(settings), options)
    return copies, stack.enter_context(Fetcher.of(settings))


def _outputs(arguments: argparse.Namespace) -> Outputs | None:
    """The files of the list, if it is not only printed."""
    if not _has_file(arguments):
        return None
    from visop.detecting.detection_file import Outputs, errors_beside
    from visop.detecting.tables import FORMATS

    form = arguments.format if arguments.format in FORMATS else "jsonl"
    out = arguments.out or _made(arguments.annotated or arguments.crops) / f"found.{form}"
    suffix = out.suffix.removeprefix(".")
    form = suffix if suffix in FORMATS else arguments.format or ""
    return Outputs(out, arguments.errors or errors_beside(out), form)


def _kept(outputs: Outputs | None, operator: OperatorInfo, choice: Choice, arguments: argparse.Namespace) -> Kept:
    """Where the results are kept: in a file, or nowhere."""
    from visop.detecting.detection_file import DetectionFile, Kept

    if outputs is None:
        return Kept()
    return DetectionFile(outputs, _facts(operator, choice, arguments), restart=arguments.restart)


def _facts(operator: OperatorInfo, choice: Choice, arguments: argparse.Namespace) -> dict[str, Any]:
    """What must be the same for a run to go on."""
    return {
        "operator": operator.name,
        "fingerprint": operator.fingerprint,
        "least score": choice.min_score,
        "labels": list(choice.labels),
        "annotated": str(arguments.annotated or ""),
        "crops": str(arguments.crops or ""),
    }


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _has_bar(arguments: argparse.Namespace) -> bool:
    """What is printed on a terminal shows the progress itself, and a bar would be in its way."""
    return not arguments.quiet and bool(arguments.out or not sys.stdout.isatty())


def _shown(names: Sequence[str], operator: OperatorInfo, arguments: argparse.Namespace) -> Callable[[Entry], object]:
    """What prints an entry."""
    from visop.detecting.tables import FORMATS, table, writer_of

    if arguments.out:
        return lambda _: None
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # a name may be bytes that are no text
    if arguments.format in FORMATS:
        return writer_of(arguments.format, sys.stdout)
    return table(sys.stdout, names, operator.labels)


def _told(tally: Tally, outputs: Outputs | None, *, quiet: bool) -> int:
    """Say how the run ended; the exit status."""
    if not quiet and (tally.good or not tally.bad):
        where = f"; {outputs.out} has them" if outputs else ""
        note(f"{tally.parts} found in {tally.good} {'picture' if tally.good == 1 else 'pictures'}{where}")
    if tally.bad:
        why = f"; {outputs.errors} says why" if outputs else ""
        return complain_of_inputs(f"{tally.bad} of {tally.good + tally.bad} inputs failed{why}", tally.reasons)
    return 0

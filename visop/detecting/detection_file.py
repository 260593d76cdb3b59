"""Write what is found to disk, picture by picture, so that a run may be killed at any moment and resumed.

While a run lasts there is one file beside ``found.jsonl``, which is only ever appended to: ``found.jsonl.journal`` has
what finds the parts, and then one line for each input that is done. At the end it becomes ``found.jsonl`` (or ``.csv``)
and the list of errors. Memory does not grow with the number of pictures.
"""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from visop.detecting.entries import Entry, Tally
from visop.detecting.tables import FORMATS, HEADER, writer_of
from visop.encoding.error_list import ERROR_HEADER, check_replaceable, error_row, whole_text
from visop.errors import UsageError
from visop.files import sync_folder
from visop.journal import Journal

# Results are safe against kill -9 at once, and against power failure this often.
_SYNC_INTERVAL_S = 1.0

# How a list of ours begins, by its format.
_BEGINNINGS = {"jsonl": '{"input": ', "csv": ",".join(HEADER)}


@dataclass(frozen=True)
class Outputs:
    """The files of a run.

    Attributes:
        out: the list of what was found.
        errors: CSV of input, code, reason for every input that failed.
        form: of ``out``: one of ``FORMATS``.

    Raises:
        UsageError: the names cannot be used.
    """

    out: Path
    errors: Path
    form: str

    def __post_init__(self) -> None:
        """Find out before the run what would fail at its end."""
        if self.form not in FORMATS:
            raise UsageError("out", self.out, f"must end in {' or '.join(f'.{each}' for each in FORMATS)}")
        for field, path in (("out", self.out), ("errors", self.errors)):
            if not path.parent.is_dir():
                raise UsageError(field, path, "there is no such folder")
        if self.errors in (self.out, self.journal):
            raise UsageError("errors", self.errors, "another file of this run has this name; take another")
        check_replaceable(self.errors)
        is_own = self.out.suffix and self.errors == errors_beside(self.out)
        if self.errors.exists() and not is_own and not self._has_begun():
            raise UsageError(
                "errors", self.errors, "is there already, with the errors of another run; take another name"
            )
        if self.out.exists() and not self._is_ours():
            raise UsageError("out", self.out, "is there already, and no list of what was found; take another name")

    def _has_begun(self) -> bool:
        return self.out.exists() or self.journal.exists()

    @property
    def journal(self) -> Path:
        """The record of what an unfinished run has done."""
        return self.out.with_name(f"{self.out.name}.journal")

    def check_unfinished(self) -> None:
        """Raise UsageError if a run is finished that wrote the list."""
        if self.out.exists() and not self.journal.exists():
            why = f"is needed to begin anew: {self.out} is there already and complete; or take another name"
            raise UsageError("restart", "", why)

    def _is_ours(self) -> bool:
        """Whether the file is a list that some run wrote, or empty, so that another run may replace it."""
        if not self.out.is_file():
            return False
        begins = _BEGINNINGS[self.form].encode()
        with self.out.open("rb") as file:
            return file.read(len(begins)) in (begins, b"")


def errors_beside(out: Path) -> Path:
    """Where the errors of a list are listed, if nobody says: of ``f.jsonl`` and ``f.csv`` not in the same file."""
    return out.with_suffix(".errors.csv") if out.suffix == ".jsonl" else out.with_name(f"{out.name}.errors.csv")


class Kept:
    """Results that are counted and not kept. A context manager.

    Attributes:
        done: how often each input is done already, by its name.
        tally: of all that is done.
    """

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.tally = Tally()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def earlier(self) -> Iterator[Entry]:
        """What an earlier run has done that this one goes on with."""
        return iter(())

    def add(self, entry: Entry) -> None:
        """Note that an input is done."""
        self.tally.count(entry)

    def finish(self) -> None:
        """All inputs are done."""


class DetectionFile(Kept):
    """A new run, or one that goes on where an earlier one was interrupted. A context manager.

    Args:
        outputs: its files.
        facts: what finds the parts and which of them are wanted; a run goes on only if they are the same.
        restart: begin anew, whatever is there.

    Raises:
        UsageError: the file is finished, or of another run, or another process writes it.
    """

    def __init__(self, outputs: Outputs, facts: dict[str, Any], *, restart: bool = False) -> None:
        super().__init__()
        self._outputs, self._facts = outputs, facts
        self._synced_at = time.monotonic()
        if not restart:
            outputs.check_unfinished()
        self._journal = Journal(outputs.journal)
        try:
            if restart:
                self._journal.cut(0)
            self._read()
        except BaseException:
            self._journal.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        """Keep what is done, for the next run."""
        with self._journal:
            self._journal.sync()

    def earlier(self) -> Iterator[Entry]:
        """What an earlier run has done that this one goes on with."""
        return self._done_entries()

    def add(self, entry: Entry) -> None:
        """Note that an input is done."""
        self._journal.append(entry)
        super().add(entry)
        if time.monotonic() - self._synced_at > _SYNC_INTERVAL_S:
            self._journal.sync()
            self._synced_at = time.monotonic()

    def finish(self) -> None:
        """Turn the run into its final files. Killed in between, the next run does it again, with the same result."""
        with whole_text(self._outputs.errors) as errors, whole_text(self._outputs.out) as out:
            write, write_error = writer_of(self._outputs.form, out), csv.writer(errors, lineterminator="\n").writerow
            write_error(ERROR_HEADER)
            for entry in self._done_entries():
                write(entry)
                if "code" in entry:
                    write_error(error_row(entry["input"], entry["code"], entry["reason"]))
        self._journal.remove()
        sync_folder(self._outputs.journal.parent)

    def _read(self) -> None:
        entries = self._journal.entries()
        header, end = next(entries, (None, 0))
        if header is not None and header != self._facts:
            self._refuse(header)
        for entry, end_of_entry in entries:
            self.tally.count(entry)
            self.done[entry["input"]] += 1
            end = end_of_entry
        self._journal.cut(end)
        if header is None:
            self._journal.append(self._facts)

    def _refuse(self, header: dict[str, Any]) -> None:
        names = [name for name in self._facts if header.get(name) != self._facts[name]]
        there = ", ".join(f"{name} {header.get(name) or 'none'}" for name in names)
        now = ", ".join(f"{name} {self._facts[name] or 'none'}" for name in names)
        why = f"is needed to begin anew: {self._outputs.out} was begun otherwise. There: {there}. Now: {now}"
        raise UsageError("restart", "", why)

    def _done_entries(self) -> Iterator[Entry]:
        entries = self._journal.entries()
        next(entries)  # the facts
        return (entry for entry, _ in entries)

"""Write vectors to disk row by row, so that a run may be killed at any moment and resumed.

While a run lasts there are two files beside ``vectors.npy``, both only ever appended to:

    vectors.npy.part     the rows, behind a .npy header whose row count is filled in at the end
    vectors.npy.journal  what made the vectors; then one line per input that is done, with its error if it has no row

A row is written before its line in the journal, so what the journal counts is there, and what it does not count
is cut off when the run is resumed. At the end the rows become ``vectors.npy`` by renaming: nothing is copied,
and memory does not grow with the number of vectors.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from visop.contract import OperatorInfo, Vector
from visop.encoding.error_list import ERROR_HEADER, check_replaceable, error_row, whole_text
from visop.errors import UsageError, VisopError
from visop.files import move
from visop.journal import Journal
from visop.rpc.statuses import code_of
from visop.same_encoder import is_same_encoder
from visop.sources.csv_cells import path_cell

_ROW_TYPE = np.dtype("<f4")

# NumPy pads the header of such an array to this size, whatever the count, so that the count can be filled in later.
_HEADER_BYTES = 128

# Results are safe against kill -9 at once, and against power failure this often.
_SYNC_INTERVAL_S = 1.0


@dataclass(frozen=True)
class Outputs:
    """The files of a run.

    Attributes:
        vectors: (N, dimension) float32, a .npy file.
        errors: CSV of input, code, reason for every input without a vector.

    Raises:
        UsageError: the names cannot be used.
    """

    vectors: Path
    errors: Path

    def __post_init__(self) -> None:
        """Find out before the run what would fail at its end."""
        if self.vectors.suffix != ".npy":
            raise UsageError("vectors", self.vectors, "must end in .npy")
        for field, path in (("vectors", self.vectors), ("errors", self.errors)):
            if not path.parent.is_dir():
                raise UsageError(field, path, "there is no such folder")
        if self.errors in (self.vectors, self.rows, self.about, self.part, self.journal):
            raise UsageError("errors", self.errors, "another file of this run has this name; take another")
        check_replaceable(self.errors)
        if not (self.vectors.exists() or self.journal.exists()):
            self._check_tables()

    def _check_tables(self) -> None:
        """Refuse to replace tables that no run wrote, such as the list of what is to be encoded."""
        for path in (self.rows, self.about):
            if path.exists():
                why = f"{path} is there already and would be replaced; take another name, or move it away"
                raise UsageError("vectors", self.vectors, why)

    @property
    def rows(self) -> Path:
        """CSV of row, input: the input that each row of ``vectors`` came from."""
        return self.vectors.with_suffix(".csv")

    @property
    def about(self) -> Path:
        """JSON of the operator that made the vectors."""
        return self.vectors.with_suffix(".json")

    @property
    def part(self) -> Path:
        """The rows of an unfinished run."""
        return self.vectors.with_name(f"{self.vectors.name}.part")

    @property
    def journal(self) -> Path:
        """The record of what an unfinished run has done."""
        return self.vectors.with_name(f"{self.vectors.name}.journal")


class VectorFile:
    """A new run, or one that goes on where an earlier one was interrupted. A context manager.

    Attributes:
        done: how often each input is done already, by its name.
        good: rows so far.
        bad: inputs without a row so far.
        reasons: how many of them there are of each reason.

    Raises:
        UsageError: the file is finished, or of another operator, or another process writes it.
    """

    def __init__(self, outputs: Outputs, operator: OperatorInfo, *, restart: bool = False) -> None:
        self._outputs, self._operator = outputs, operator
        self.done: Counter[str] = Counter()
        self.good = self.bad = 0
        self.reasons: Counter[str] = Counter()
        self._synced_at = time.monotonic()
        if outputs.vectors.exists() and not (outputs.journal.exists() or restart):
            self._refuse_finished()
        self._journal = Journal(outputs.journal)
        try:
            if restart:
                self._forget()
            self._rows = self._open_rows()
        except BaseException:
            self._journal.__exit__()
            raise

    def __enter__(self) -> VectorFile:
        return self

    def __exit__(self, *_: object) -> None:
        """Keep what is done, for the next run."""
        with self._journal:
            try:
                if not self._rows.closed:
                    self._sync()
            finally:
                self._rows.close()

    def add(self, name: str, result: Vector | VisopError) -> None:
        """Note that an input is done.

        Args:
            name: the input.
            result: its vector, (dimension,) float32, or why it has none.

        Raises:
            VisopError: the vector is of another dimension.
        """
        entry = {"input": name}
        if isinstance(result, VisopError):
            entry |= {"code": code_of(result).name, "reason": str(result)}
        elif result.shape != (self._operator.dimension,):
            said = self._operator.dimension
            raise VisopError(f"{name}: the vector has dimension {result.size}, the operator's Identity says {said}")
        else:
            self._rows.write(result.astype(_ROW_TYPE).tobytes())
            self._rows.flush()
        self._journal.append(entry)
        self._count(entry)
        if time.monotonic() - self._synced_at > _SYNC_INTERVAL_S:
            self._sync()

    def finish(self) -> None:
        """Turn the run into its final files. Killed in between, the next run does it again, with the same result."""
        self._sync()
        self._write_header(self._rows, self.good)
        _sync(self._rows)
        self._rows.close()
        self._write_tables()
        move(self._outputs.part, self._outputs.vectors)
        self._journal.remove()

    def _refuse_finished(self) -> None:
        """Raise UsageError: the file is of another encoder, or else just complete."""
        with suppress(OSError, ValueError):
            facts = json.loads(self._outputs.about.read_text("utf-8"))
            if isinstance(facts, dict):
                self._check_made_by({name: facts.get(name, "") for name in _facts(self._operator)})
        vectors = self._outputs.vectors
        raise UsageError("restart", "", f"{vectors} is there already and complete; give this to encode it anew")

    def _count(self, entry: dict[str, Any]) -> None:
        if "code" in entry:
            self.bad += 1
            self.reasons[entry.get("reason", "")] += 1
        else:
            self.good += 1

    def _sync(self) -> None:
        _sync(self._rows)
        self._journal.sync()
        self._synced_at = time.monotonic()

    def _forget(self) -> None:
        """Start over. The older vectors are deleted first, so that they never stand beside new tables."""
        self._outputs.vectors.unlink(missing_ok=True)
        self._journal.cut(0)

    def _open_rows(self) -> BinaryIO:
        """Open the rows for appending, cut off behind those that the journal counts."""
        vectors, part = self._outputs.vectors, self._outputs.part
        if vectors.exists() and not part.exists():
            os.replace(vectors, part)  # killed in the last step of finish()
        rows = open(part, "r+b" if part.exists() else "w+b")  # noqa: SIM115 - kept open
        try:
            self._read_journal(rows.seek(0, os.SEEK_END))
            self._write_header(rows, 0)
            rows.truncate(self._offset(self.good))
            rows.seek(0, os.SEEK_END)
        except BaseException:
            rows.close()
            raise
        return rows

    def _read_journal(self, rows_bytes: int) -> None:
        entries = self._journal.entries()
        header, end = next(entries, (None, 0))
        if header is not None:
            self._check_made_by(header)
        for entry, end_of_entry in entries:
            if "code" not in entry and self._offset(self.good + 1) > rows_bytes:
                break  # after a power failure, the journal may have come further than the rows
            self._count(entry)
            self.done[entry["input"]] += 1
            end = end_of_entry
        self._journal.cut(end)
        if header is None:
            self._journal.append(_facts(self._operator))

    def _check_made_by(self, facts: dict[str, Any]) -> None:
        if not is_same_encoder(_operator_of(facts), self._operator):
            why = (
                f"{self._outputs.vectors} is of another operator, and vectors of the two do not fit together; "
                f"give this to begin anew. There: {_spoken(facts)}. Now: {_spoken(_facts(self._operator))}"
            )
            raise UsageError("restart", "", why)

    def _offset(self, count: int) -> int:
        return _HEADER_BYTES + count * self._operator.dimension * _ROW_TYPE.itemsize

    def _write_header(self, rows: BinaryIO, count: int) -> None:
        shape = (count, self._operator.dimension)
        rows.seek(0)
        np.lib.format.write_array_header_1_0(rows, {"descr": _ROW_TYPE.str, "fortran_order": False, "shape": shape})
        if rows.tell() != _HEADER_BYTES:
            raise AssertionError(f"a .npy header of {rows.tell()} bytes, expected {_HEADER_BYTES}")

    def _write_tables(self) -> None:
        with whole_text(self._outputs.rows) as rows, whole_text(self._outputs.errors) as errors:
            write_row = csv.writer(rows, lineterminator="\n").writerow
            write_error = csv.writer(errors, lineterminator="\n").writerow
            write_row(("row", "input"))
            write_error(ERROR_HEADER)
            number = 0
            for entry in self._done_entries():
                if "code" in entry:
                    write_error(error_row(entry["input"], entry["code"], entry["reason"]))
                else:
                    write_row((number, path_cell(entry["input"])))
                    number += 1
        with whole_text(self._outputs.about) as file:
            json.dump(_facts(self._operator) | {"vectors": self.good, "errors": self.bad}, file, indent=2)
            file.write("\n")

    def _done_entries(self) -> Iterator[dict[str, Any]]:
        entries = self._journal.entries()
        next(entries)  # what made the vectors
        return (entry for entry, _ in entries)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _facts(operator: OperatorInfo) -> dict[str, Any]:
    """Return what the journal, and the JSON file beside the vectors, keep of an operator."""
    return {
        "operator": operator.name,
        "fingerprint": operator.fingerprint,
        "dimension": operator.dimension,
        "metric_type": operator.metric_type,
    }


def _operator_of(facts: dict[str, Any]) -> OperatorInfo:
    """Do the reverse of ``_facts``. Missing facts are empty, so that the operator is like no other."""
    names = ("operator", "fingerprint", "dimension", "metric_type")
    return OperatorInfo(*(facts.get(name, "") for name in names))


def _spoken(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value or 'unknown'}" for name, value in facts.items())

"""Entries as text: a table for people, JSON Lines and CSV for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from typing import IO, Any

from visop.detecting.entries import Entry
from visop.detection import score_text
from visop.sources import printable
from visop.sources.csv_cells import path_cell, text_cell

#: Of CSV.
HEADER = ("input", "label", "score", "x", "y", "w", "h", "keypoints", "crop")

#: The formats of files, which are also the suffixes of their names.
FORMATS = ("jsonl", "csv")

# Columns of the table are no wider, whatever is in them.
_WIDEST_NAME, _WIDEST_LABEL = 48, 20

Write = Callable[[Entry], None]


def json_lines(file: IO[str]) -> Write:
    """Write one object for each picture; what failed is left out."""

    def write(entry: Entry) -> None:
        if "code" not in entry:
            file.write(json.dumps(entry) + "\n")

    return write


def csv_rows(file: IO[str], shown: Callable[[str], str] = str) -> Write:
    """Write one row for each part; a picture in which nothing was found has none.

    Args:
        file: where to.
        shown: what becomes of texts before.
    """
    row = csv.writer(file, lineterminator="\n").writerow
    row(HEADER)

    def write(entry: Entry) -> None:
        for part in entry.get("parts", ()):
            box = part["box"] or dict.fromkeys("xywh")
            points = json.dumps([[point["x"], point["y"]] for point in part["keypoints"]]) if part["keypoints"] else ""
            named = (shown(path_cell(entry["input"])), shown(text_cell(part["label"])))
            row((*named, part["score"], *box.values(), points, shown(path_cell(part.get("crop", "")))))

    return write


def writer_of(form: str, file: IO[str]) -> Write:
    """What writes entries in one of ``FORMATS``; to a terminal, without the characters that could control it."""
    if form == "jsonl":
        return json_lines(file)  # JSON has escapes for them
    return csv_rows(file, printable if file.isatty() else str)


def table(file: IO[str], names: Sequence[str], labels: Sequence[str]) -> Write:
    """Write lines with columns for people. What fails is said in its place.

    Args:
        file: where to.
        names: all inputs, for the width of their column.
        labels: that may be found, for theirs.
    """
    name_width = min(_WIDEST_NAME, max([*map(len, names), len("picture")]))
    label_width = min(_WIDEST_LABEL, max([*map(len, labels), len("label")]))

    def line(name: str, rest: str) -> None:
        file.write(f"{printable(name):{name_width}}  {rest}".rstrip() + "\n")
        file.flush()

    line("picture", f"{'label':{label_width}}  score       x       y       w       h")

    def write(entry: Entry) -> None:
        if "code" in entry:
            line(entry["input"], f"failed: {printable(entry['reason'])}")
        elif not entry["parts"]:
            line(entry["input"], "nothing found")
        for part in entry.get("parts", ()):
            line(entry["input"], f"{printable(part['label']):{label_width}}  {_numbers(part)}")

    return write


def _numbers(part: dict[str, Any]) -> str:
    if part["box"] is None:
        return "  (a crop, and no box)"
    return f"{score_text(part['score'], 3):>5}  " + "  ".join(f"{round(side):6}" for side in part["box"].values())

"""Find the column of a table that names pictures, by its header or else by what is in it, and read it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from visop.errors import UsageError
from visop.sources.folders import SUFFIXES
from visop.sources.lists import read_text
from visop.sources.names import is_url, listed_name, printable

#: How the names of tables end.
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")

# Headers of the column that names pictures, in lower case and without spaces or signs. Where there are several, the
# first of these counts.
_HEADERS = (
    "imageurl", "pictureurl", "photourl", "imgurl", "fileurl", "downloadurl", "url", "uri", "imageuri", "imagepath",
    "picturepath", "photopath", "imgpath", "filepath", "fullpath", "absolutepath", "path", "sourcefile", "imagefile",
    "picturefile", "photofile", "file", "imagefilename", "filename",
)  # fmt: skip

# Headers that may also stand above something else; then a column whose cells look like pictures counts.
_VAGUE = (
    "image", "picture", "photo", "img", "imgsrc", "imagesrc", "src", "link", "href", "imagelink", "source", "input",
    "imagename", "picturename", "photoname", "location", "name",
)  # fmt: skip

_DELIMITERS = ",;\t|"

# Excel writes the delimiter into the first line.
_SEP = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)

# So many rows are looked at to find out what is in which column.
_SAMPLE = 200

# What is shown of the headers of a table.
_MOST_NAMED, _LONGEST = 30, 40

# A row behind the last one, which shows whether that one ended.
_END = "end"

_Row = Sequence[str]


def read_table(path: Path, column: str = "") -> list[str]:
    """Return the paths and URLs in a table; empty cells are left out.

    Args:
        path: CSV, also with semicolons, tabs or bars; TSV; or JSON Lines, objects or texts.
        column: the header of the column; empty finds it.

    Raises:
        UsageError: the file cannot be read, or it does not show which column is meant.
    """
    rows = _json_rows(path) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows(path)
    rows = [row for row in ([cell.strip() for cell in row] for row in rows) if any(row)]
    if not rows:
        return []
    number, has_header = _named(path, rows, column) if column else _found(path, rows)
    cells = (row[number] for row in rows[has_header:] if len(row) > number)
    return [listed_name(cell) for cell in cells if cell]


@dataclass(frozen=True)
class Record:
    """A row of a table.

    Attributes:
        line: where it is in the file, from 1.
        picture: the path or URL that it names; empty if it names none.
        cells: what stands in the other columns, by their headers: texts, or in JSON Lines values; no empty ones.
        why_not: why the row cannot be used; empty if it can.
    """

    line: int
    picture: str
    cells: Mapping[str, object]
    why_not: str = ""


def read_records(path: Path) -> tuple[list[str], list[Record]]:
    """Return the headers of the columns beside that of pictures, and all rows of a table.

    Args:
        path: as ``read_table`` takes it; the first row of CSV is a header.

    A line of JSON Lines that cannot be read is a row that cannot be used.

    Raises:
        UsageError: the file cannot be read, or has no header, or two columns of one name.
    """
    is_json = path.suffix.lower() in (".jsonl", ".ndjson")
    lines = list(_json_lines(path)) if is_json else []
    wrong = [Record(line.number, "", {}, line.why_not) for line in lines if line.why_not]
    if wrong and len(wrong) == len(lines):
        _refuse_wrong(path, lines)
    numbered = _numbered_json(lines) if is_json else _numbered_csv(path)
    rows = [row for _, row in numbered]
    if not rows:
        return [], []
    number, has_header = _found(path, [[_text(cell).strip() for cell in row] for row in rows])
    if not has_header:
        raise UsageError("", path, "has no header: the first row names the columns, such as `path,title,price`")
    headers = [str(header).strip() for header in rows[0]]
    for header in headers:
        if headers.count(header) > 1:
            raise UsageError("", path, f"has two columns {printable(header)!r}")
    records = [_record(line, row, headers, number) for line, row in numbered[1:] if row]
    records = sorted([*records, *wrong], key=lambda record: record.line)
    return [each for each in headers if each and each != headers[number]], records


def _record(line: int, row: Sequence[object], headers: Sequence[str], number: int) -> Record:
    cells = {header: _stripped(cell) for header, cell in zip(headers, row, strict=False) if header}
    picture = listed_name(_text(cells.pop(headers[number], "")))
    why_not = "" if picture else "names no picture"
    if len(row) > len(headers):
        why_not = f"has {len(row)} cells, and the header has {len(headers)}"
    kept = {name: cell for name, cell in cells.items() if cell not in ("", None)}
    return Record(line, picture, kept, why_not)


def _stripped(cell: object) -> object:
    return cell.strip() if isinstance(cell, str) else cell


def _named(path: Path, rows: Sequence[_Row], column: str) -> tuple[int, bool]:
    headers = [_plain(cell) for cell in rows[0]]
    if column in rows[0]:
        return list(rows[0]).index(column), True
    if _plain(column) and _plain(column) in headers:
        return headers.index(_plain(column)), True
    raise UsageError("column", column, f"{path} has the columns {_listed(rows[0])}")


def _found(path: Path, rows: Sequence[_Row]) -> tuple[int, bool]:
    """Return the number of the column, and whether the first row is a header."""
    headers, below = [_plain(cell) for cell in rows[0]], rows[1:]
    sure, vague = ([headers.index(name) for name in names if name in headers] for names in (_HEADERS, _VAGUE))
    full = [number for number in range(max(map(len, rows[:_SAMPLE]))) if _holds_names(below or rows, number)]
    for number in [*(each for each in (*sure, *vague) if each in full), *sure, *full, *vague]:
        return number, number in (*sure, *vague) or not _is_name(_cell(rows[0], number))
    if len(headers) > 1:
        why = f"{path} has the columns {_listed(rows[0])}, and none is known to name pictures; say which one does"
        raise UsageError("column", "", why)
    return 0, False


def _holds_names(rows: Sequence[_Row], number: int) -> bool:
    """Whether most cells of a column look like the path or the URL of a picture."""
    cells = [cell for row in rows[:_SAMPLE] if (cell := _cell(row, number))]
    return sum(map(_is_name, cells)) * 2 > len(cells)


def _is_name(cell: str) -> bool:
    """Whether a cell looks like the path or the URL of a picture."""
    if is_url(cell) or cell.lower().startswith("file:") or cell.lower().endswith(SUFFIXES):
        return True
    return len(cell) < 4096 and "\0" not in cell and Path(cell).is_file()


def _listed(headers: _Row) -> str:
    """Name the columns, as far as there is room."""
    names = [printable(each)[:_LONGEST] for each in headers[:_MOST_NAMED]]
    return ", ".join([*names, "..."] if len(headers) > _MOST_NAMED else names)


def _cell(row: _Row, number: int) -> str:
    return row[number] if len(row) > number else ""


def _plain(header: str) -> str:
    return re.sub(r"[\W_]+", "", header.lower())


def _csv_rows(path: Path) -> list[list[str]]:
    return [row for _, row in _numbered_csv(path)]


def _numbered_csv(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows, each with the line that it ends on."""
    text = read_text(path)
    said = _SEP.match(text)
    text = text[said.end() :] if said else text
    try:
        delimiter = said[1] if said else "\t" if path.suffix.lower() == ".tsv" else _delimiter_of(text)
        rows = [(line + bool(said), row) for line, row in _parsed(text, delimiter)]
    except (csv.Error, ValueError) as error:  # ValueError: what is said to be the delimiter cannot be one
        raise UsageError("", path, f"not CSV: {error}") from None
    while rows and (not rows[0][1] or (len(rows[0][1]) == 1 and rows[0][1][0].startswith("#"))):  # comments at its top
        rows.pop(0)
    return rows


def _parsed(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the rows, each with the line that it ends on. Raises csv.Error if it is no CSV."""
    ended = text if text.endswith(("\n", "\r")) else f"{text}\n"
    reader = csv.reader(io.StringIO(f"{ended}{_END}\n", newline=""), delimiter=delimiter)
    rows = [(reader.line_num, row) for row in reader]
    if rows.pop()[1] != [_END]:  # it stands within a text that began above, as would all rows between
        begun = rows[-1][0] + 1 if rows else 1
        raise csv.Error(f"in the row of line {begun} a text in quotation marks does not end")
    return rows


def _delimiter_of(text: str) -> str:
    """Return the delimiter that makes a known header, or else the most columns of the same number in all rows."""

    def score(delimiter: str) -> tuple[bool, int]:
        rows = [row for row in islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), _SAMPLE) if row]
        widths = {len(row) for row in rows}
        is_known = bool(rows) and len(rows[0]) > 1 and any(_plain(cell) in _HEADERS + _VAGUE for cell in rows[0])
        return is_known, min(widths) if len(widths) == 1 else 0

    return max(_DELIMITERS, key=score)


def _json_rows(path: Path) -> list[list[str]]:
    lines = list(_json_lines(path))
    _refuse_wrong(path, lines)
    return [[_text(cell) for cell in row] for _, row in _numbered_json(lines)]


@dataclass(frozen=True)
class _Line:
    """A line of JSON Lines, from 1, and its value; or why it has none."""

    number: int
    value: Any = None
    why_not: str = ""


def _json_lines(path: Path) -> Iterator[_Line]:
    """Yield the lines that are not empty."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            try:
                value = json.loads(line)
                if "\\u" in line:
                    os.fsencode(json.dumps(value, ensure_ascii=False))  # raises if half a character is escaped
                yield _Line(number, value)
            except (ValueError, RecursionError) as error:
                yield _Line(number, why_not=f"is not JSON: {error}")


def _refuse_wrong(path: Path, lines: Iterable[_Line]) -> None:
    for line in lines:
        if line.why_not:
            raise UsageError("", path, f"line {line.number} {line.why_not}")


def _numbered_json(lines: Sequence[_Line]) -> list[tuple[int, list[Any]]]:
    """Return the values, each with its line; objects as rows below one of their keys."""
    there = [line for line in lines if not line.why_not]
    headers = list(dict.fromkeys(key for line in there if isinstance(line.value, dict) for key in line.value))
    if not headers:
        return [(line.number, [line.value]) for line in there]
    objects = (line for line in there if isinstance(line.value, dict))
    return [(0, list(headers)), *((line.number, [line.value.get(key) for key in headers]) for line in objects)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)

"""What a terminal and a spreadsheet may make of results."""

from __future__ import annotations

import io
from typing import Any

from visop.detecting.tables import table, writer_of

ENTRY: dict[str, Any] = {
    "input": "@a\x1b[31m.jpg",
    "parts": [{"box": dict.fromkeys("xywh", 1.0), "label": "=1+2\x1b", "score": 0.99996, "keypoints": []}],
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_csv_is_exact_in_a_file_and_printable_on_a_terminal() -> None:
    file, terminal = io.StringIO(), Terminal()
    for each in (file, terminal):
        writer_of("csv", each)(ENTRY)
    row = "./@a\x1b[31m.jpg,'=1+2\x1b,0.99996,1.0,1.0,1.0,1.0,,"
    assert file.getvalue().splitlines()[1] == row
    assert terminal.getvalue().splitlines()[1] == row.replace("\x1b", "\N{REPLACEMENT CHARACTER}")


def test_a_score_below_1_is_not_shown_as_1() -> None:
    file = io.StringIO()
    write = table(file, [ENTRY["input"]], [])
    write(ENTRY)
    assert "\x1b" not in file.getvalue()
    assert file.getvalue().splitlines()[1].split()[2] == "0.999"

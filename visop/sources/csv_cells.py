"""Texts as cells of CSV that a spreadsheet does not take for formulas.

A cell that begins with one of ``=+-@``, a tab or a line break may be run as a formula, which can send what is beside it
to anybody (https://owasp.org/www-community/attacks/CSV_Injection). Numbers of ours are written as they are.
"""

from __future__ import annotations

import os

from visop.sources.names import is_url

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def path_cell(name: str) -> str:
    """A path or URL that means the same file to whoever reads it back: ``=a.jpg`` is ``./=a.jpg``."""
    if name.startswith(_FORMULA) and not is_url(name):
        return os.path.join(os.curdir, name)
    return name


def text_cell(text: str) -> str:
    """Words for people; those that look like a formula stand behind an apostrophe, as spreadsheets write text."""
    return f"'{text}" if text.startswith(_FORMULA) else text

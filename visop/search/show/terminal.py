"""Small pictures in a terminal, two pixels to a character: works wherever there is Unicode and 24-bit colour.

Half blocks rather than one of the graphics protocols (Kitty's, iTerm2's, Sixel): those have to ask the terminal what it
knows, and go wrong in tmux, over slow lines and in whatever only looks like a terminal.
"""

from __future__ import annotations

import os
from typing import TextIO

import numpy as np

from visop.images.thumbnail import thumbnail
from visop.search.schema import Picture
from visop.search.show.files import first_readable
from visop.settings import Settings

_SIDE = 24
_UPPER_HALF = "\N{UPPER HALF BLOCK}"


def can_preview(terminal: TextIO) -> bool:
    """Whether this is a terminal that reports 24-bit colour and takes Unicode."""
    return (
        terminal.isatty()
        and os.environ.get("COLORTERM", "") in ("truecolor", "24bit")
        and "NO_COLOR" not in os.environ
        and (terminal.encoding or "").lower().replace("-", "") == "utf8"
    )


def preview_of(picture: Picture, settings: Settings) -> str:
    """Return lines of text that show the picture; empty if it cannot be read now."""
    return first_readable(
        picture, settings, lambda data, limits: half_blocks(np.asarray(thumbnail(data, limits, _SIDE))), ""
    )


def half_blocks(image: np.ndarray) -> str:
    """(H, W, 3) uint8 RGB as text of half as many lines, each with its line end; an odd last line is left out."""
    lines = []
    for upper, lower in zip(image[0:-1:2], image[1::2], strict=False):
        cells = (
            f"\033[38;2;{a[0]};{a[1]};{a[2]};48;2;{b[0]};{b[1]};{b[2]}m{_UPPER_HALF}"
            for a, b in zip(upper.tolist(), lower.tolist(), strict=True)
        )
        lines.append("".join(cells) + "\033[0m\n")
    return "".join(lines)

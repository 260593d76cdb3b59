"""Pieces of Markdown, for the other generators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell may hold Markdown, but no line break."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def code(text: object) -> str:
    """Text as code, or a dash if there is none."""
    return f"`{text}`" if str(text) else "–"


def block(text: str, language: str = "text") -> str:
    """Lines as they are."""
    return f"```{language}\n{text.strip()}\n```"


def sentence(text: str) -> str:
    """Text with a full stop, and a capital letter if it begins with a word."""
    first = text.partition(" ")[0].rstrip(",;:")
    begun = text[:1].upper() + text[1:] if first.replace("-", "").isalpha() and first.islower() else text
    return begun + ("" if text.endswith((".", ":", "?")) else ".")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

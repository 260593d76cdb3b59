"""Files that the pages of a processor, of search and of copies have in common, served and written as they are."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable


def shared_files() -> Iterator[Traversable]:
    """All of them: the look, the elements, and the calls to the server that a page came from."""
    yield from (each for each in files(__name__).iterdir() if each.name.endswith((".css", ".js", ".svg")))

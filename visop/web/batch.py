"""What indexing in the background does in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from visop.sources import DEFAULT_OPTIONS, FindOptions


@dataclass(frozen=True)
class Batch:
    """What is to be done in one go.

    Attributes:
        inputs: to add, as ``Index.add`` takes them.
        options: how pictures are looked for.
        prune: whether what is gone from the folders among the inputs is taken out.
        changed: absolute paths of files and folders that may be gone, or have another content.
        is_last: whether nothing else is known to be left to do after it.
    """

    inputs: Sequence[str]
    options: FindOptions = DEFAULT_OPTIONS
    prune: bool = False
    changed: Sequence[str] = ()
    is_last: bool = False

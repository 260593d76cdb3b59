"""The commands around an index. What they need is imported when they run."""

from __future__ import annotations

from visop.commands import Commands
from visop.search import duplicates_command, index_command, reindex_command, search_command


def add_parser(commands: Commands) -> None:
    """Add ``index``, ``search``, ``duplicates`` and ``reindex`` to the commands of ``visop``."""
    index_command.add_parser(commands)
    search_command.add_parser(commands)
    duplicates_command.add_parser(commands)
    reindex_command.add_parser(commands)

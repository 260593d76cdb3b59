"""Find out which parts an index has before the operator is loaded that shall make them."""

from __future__ import annotations

from visop.encoding.parts import processor_of
from visop.search.errors import NoSuchIndex
from visop.search.place import check_there
from visop.search.store import Store, open_store


def open_store_there(uri: str, token: str = "") -> Store | None:
    """Open a store; None if there is none, where ``open_store`` would make one. Raises as ``open_store``."""
    try:
        check_there(uri)
    except NoSuchIndex:
        return None
    return open_store(uri, token)


def parts_of_index(store: Store, name: str) -> str | None:
    """The processor of an index, as a setting; None if there is no such index yet.

    Raises:
        UsageError: it is none that is built in, so that it has to be named.
        StoreError: the store cannot be read.
    """
    try:
        return processor_of(store.find(name).operator.parts, name)
    except NoSuchIndex:
        return None

"""Find out which parts an index has before the operator is loaded that shall make them."""

from __future__ import annotations

from visop.encoding.parts import processor_of
from visop.search.errors import NoSuchIndex
from visop.search.place import check_there
from visop.search.store import open_store


def parts_of_index(uri: str, name: str, token: str = "") -> str | None:
    """The processor of an index, as a setting; None if there is no such index yet.

    Raises:
        UsageError: it is none that is built in, so that it has to be named.
        StoreError: the store cannot be opened.
    """
    try:
        check_there(uri)
        with open_store(uri, token) as store:
            return processor_of(store.find(name).operator.parts, name)
    except NoSuchIndex:
        return None

"""What goes wrong around an index, as a client may hear it: the store's own errors name paths and addresses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from visop.errors import InvalidInput, NotFound, Unreachable, VisopError
from visop.search.errors import NoSuchIndex, StoreError, StoreUnreachable, WrongFilter

_log = logging.getLogger("visop.web")

_MAX_REASON_CHARS = 300


@contextmanager
def told_safely() -> Iterator[None]:
    """Raise what a client may read for what a store raises; the log has the rest."""
    try:
        yield
    except WrongFilter as error:
        reason = error.why[:_MAX_REASON_CHARS]
        raise InvalidInput(f"the filter is no expression over the fields of an index: {reason}") from None
    except NoSuchIndex as error:
        _log.warning("%s", error)
        raise NotFound("there is no index any more: it was deleted, or made anew; start the server again") from None
    except StoreUnreachable as error:
        _log.warning("%s", error)
        raise Unreachable("the index cannot be reached now; the server's log says why") from None
    except StoreError as error:
        _log.error("%s", error)
        raise VisopError("the index failed; the server's log says how") from None

"""What goes wrong with an index, as a client may hear it: the errors of a store name paths and addresses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from visop.errors import NotFound, OtherEncoder, Unreachable, UsageError, VisopError
from visop.search.errors import NoSuchIndex, StoreError, StoreUnreachable, WrongFilter

logger = logging.getLogger("visop.web")

_MAX_REASON_CHARS = 300

_GONE = "there is no index any more: it was deleted, or made anew; if the server was started for it, start it again"


@contextmanager
def safe_errors() -> Iterator[None]:
    """Raise what a client may read in place of what a store raises; the log has the rest.

    Raises:
        UsageError: the filter is wrong.
        NotFound, Unreachable, VisopError: the index is gone, cannot be reached, or failed.
    """
    try:
        yield
    except WrongFilter as error:
        reason = error.why[:_MAX_REASON_CHARS]
        raise UsageError("filter", "", f"is no expression over the fields of an index: {reason}") from None
    except (NoSuchIndex, OtherEncoder) as error:
        logger.warning("%s", error)
        raise NotFound(_GONE) from None
    except StoreUnreachable as error:
        logger.warning("%s", error)
        raise Unreachable("the index cannot be reached now; the server's log says why") from None
    except StoreError as error:
        logger.error("%s", error)
        raise VisopError("the index failed; the server's log says how") from None

"""Open the places that fsspec knows, and say in words what goes wrong there.

No message of a library is passed on: it may have a key or a signed address in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from visop.errors import UsageError, VisopError
from visop.search.errors import OriginalsError, OriginalsMissing
from visop.search.originals.address import extra_of, scheme_of

# What a search page can wait for; the default of botocore is a minute, five times.
_OF_S3: dict[str, Any] = {
    "use_listings_cache": False,
    "config_kwargs": {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 3}},
}
_OPTIONS: dict[str, dict[str, Any]] = {"s3": _OF_S3, "gs": {"use_listings_cache": False}}


def filesystem_of(address: str) -> Any:
    """Return the file system of fsspec that an address belongs to.

    Raises:
        UsageError: a package for it is not installed.
    """
    scheme = scheme_of(address)
    try:
        import fsspec

        return fsspec.filesystem(scheme, **_OPTIONS.get(scheme, {}))
    except ImportError:
        extra = extra_of(scheme) or "search"
        raise UsageError("keep_originals", address, f"needs a package: pip install 'visop[{extra}]'") from None


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Raise what a person can act on in place of what a file system raises.

    Raises:
        OriginalsMissing: nothing is there.
        OriginalsError: it cannot be reached, or may not be used.
    """
    try:
        yield
    except VisopError:
        raise
    except FileNotFoundError:
        raise OriginalsMissing(f"{address}: there is no such object, or no such bucket") from None
    except PermissionError:
        raise OriginalsError(f"{address}: access is denied with the credentials of this environment") from None
    except Exception as error:  # noqa: BLE001 - each file system has errors of its own
        raise OriginalsError(f"{address}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    name = type(error).__name__
    if "Credentials" in name:
        return "there are no credentials in this environment"
    if isinstance(error, OSError) and error.filename is not None and error.strerror:  # of a file on this machine
        return error.strerror
    return f"cannot be used now ({name})"

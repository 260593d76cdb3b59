"""Say where the copies of an index are, and that of a picture among them."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from visop.errors import UsageError
from visop.sources import path_of

#: In place of an address, to end that originals are kept.
NONE = "none"

# Those that are written whole or not at all, with the extra that each needs. Others could leave half a file.
_EXTRAS = {"file": "", "memory": "", "s3": "s3", "gs": "gs"}

_FIELD = "keep_originals"


def folder_address(given: str, index: str) -> str:
    """Return the address of the folder for an index: ``s3://bucket/pictures`` -> ``s3://bucket/pictures/INDEX``.

    Args:
        given: a path, or a URL of one of the schemes that can be used.
        index: its name, so that several indexes can be told the same place.

    Raises:
        UsageError: it is neither, or has a password in it.
    """
    path = path_of(given)
    if path is not None and "://" not in path:
        return f"{Path(os.path.abspath(os.path.expanduser(path))).as_uri()}/{index}"
    try:
        parts = urlsplit(given)
        host, has_password = parts.hostname, "@" in parts.netloc
    except ValueError:
        raise _wrong(given) from None
    if has_password:
        why = "must have no password in it: credentials come from the environment, such as AWS_ACCESS_KEY_ID"
        raise UsageError(_FIELD, f"{parts.scheme}://...", why)
    if parts.scheme not in _EXTRAS or not host or set("?#*[") & set(given) or "::" in given:
        raise _wrong(given)
    return f"{given.rstrip('/')}/{index}"


def address_of(folder: str, id_: str) -> str:
    """Return the address of the copy of a picture, by the SHA-256 of its content."""
    return f"{folder}/{id_[:2]}/{id_}"


def folder_of(address: str) -> str:
    """Return the folder of which ``address_of`` made an address."""
    return address.rsplit("/", 2)[0]


def given_of(folder: str) -> str:
    """Return what ``folder_address`` made the address of a folder from."""
    return folder.rpartition("/")[0]


def scheme_of(address: str) -> str:
    """Return the part of an address that says what it is the address of."""
    return address.partition("://")[0]


def extra_of(scheme: str) -> str:
    """Return the extra of visop that a scheme needs; empty if it needs none."""
    return _EXTRAS.get(scheme, "")


def is_ours(address: str, id_: str) -> bool:
    """Whether an address may be that of a copy of a picture: an index could say anything."""
    return scheme_of(address) in _EXTRAS and address.endswith(f"/{id_[:2]}/{id_}")


def _wrong(given: str) -> UsageError:
    return UsageError(_FIELD, given, "must be a folder, or an address such as s3://BUCKET/FOLDER or gs://BUCKET/FOLDER")

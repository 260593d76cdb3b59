"""Certificates of authorities that are made here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme

_AUTHORITY = trustme.CA()


@dataclass(frozen=True)
class Pair:
    """The files of one certificate."""

    cert: Path
    key: Path


def authority(folder: Path, made: trustme.CA = _AUTHORITY) -> Path:
    """The certificate of the authority."""
    path = folder / "ca.pem"
    made.cert_pem.write_to_path(path)
    return path


def pair(folder: Path, name: str = "localhost", made: trustme.CA = _AUTHORITY) -> Pair:
    """A new certificate for a name, written over the files of one before it."""
    folder.mkdir(exist_ok=True)
    issued = made.issue_cert(name, "127.0.0.1")
    files = Pair(folder / "cert.pem", folder / "key.pem")
    files.cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    files.key.write_bytes(issued.private_key_pem.bytes())
    return files

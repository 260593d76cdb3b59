"""Where the process that has a Milvus Lite file open can be reached by the others of the same user.

Whoever holds the lock of the file serves it at a socket in a folder that only its user can enter, and makes a link lead
there. A record in the file says where the link is. It stays when the holder goes: the next one makes the same link lead
to its own socket, so that those who are connected find it. Only the holder of the lock writes record and link.
"""

from __future__ import annotations

import json
import os
import secrets
import socket  # noqa: TID251 - one of this machine; nothing goes out
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

_RECORD = "socket.json"
_LOCK = "LOCK"

# What the address of a socket can hold on macOS, less its last byte (Linux: 107), and what stands in it behind the
# folder for temporary files.
_MAX_BYTES = 103
_REST_BYTES = len("/visop-4294967294-xxxxxxxx/0123456789abcdef.01234567")
_CONNECT_S = 1.0


def find_link(database: Path) -> Path | None:
    """Return the link that leads to the server of a file, or did so last; None if none is known, or it is not ours.

    A copy of a file has a copy of its record: it is told by the lock, which is another one.
    """
    try:
        record = json.loads((database / _RECORD).read_bytes())
        link = Path(record["link"])
        return link if record["lock"] == _identity(database) and _is_private(link.parent) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def claim_link(database: Path) -> Path:
    """Return the link for the holder of the lock, and write the record if there is none. Raises OSError."""
    if link := find_link(database):
        return link
    link = _folder() / secrets.token_hex(8)
    part = database / f"{_RECORD}.part"
    with open(part, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump({"link": str(link), "lock": _identity(database)}, file)
    part.replace(database / _RECORD)
    return link


def socket_of(link: Path) -> Path:
    """Return a new name for the socket that the link is to lead to."""
    return link.with_name(f"{link.name}.{secrets.token_hex(4)}")


def lead(link: Path, target: Path) -> None:
    """Make the link lead to a socket, at once for everybody, and delete the one of a holder that was killed."""
    with suppress(OSError):
        link.with_name(link.readlink().name).unlink()
    part = target.with_suffix(".part")
    part.symlink_to(target.name)
    part.replace(link)


def answers(link: Path) -> bool:
    """Whether a process listens where the link leads to."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_CONNECT_S)
        with suppress(OSError):
            connection.connect(str(link))
            return True
    return False


def _folder() -> Path:
    """Return the folder for sockets of this user: one for all files, unless somebody else has made one of its name."""
    name, place = f"visop-{os.geteuid()}", tempfile.gettempdir()
    if len(os.fsencode(place)) > _MAX_BYTES - _REST_BYTES:
        place = "/tmp"  # noqa: S108 - what is made there can be entered by this user only
    folder = Path(place, name)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    return folder if _is_private(folder) else Path(tempfile.mkdtemp(prefix=f"{name}-", dir=place))


def _is_private(folder: Path) -> bool:
    facts = folder.lstat()
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o077


def _identity(database: Path) -> list[int]:
    facts = (database / _LOCK).stat()
    return [facts.st_dev, facts.st_ino]

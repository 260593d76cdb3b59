"""Where an operator runs, as it is registered: ``HOST:PORT``, or in this server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from visop import address
from visop.errors import UsageError

Kind = Literal["processor", "encoder"]

#: The encoder of this server; with ``:SCHEME`` behind it, a processor that is built in.
HERE = "visop"

# A scheme with a file, which a caller may not choose, or for an encoder of a certain kind, is none of these.
_SCHEME = re.compile(r"[a-z][a-z0-9]*(-[a-z]+)?(:[0-9]{1,6})?")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")

_RULE = "must be HOST:PORT of a running operator, visop for the encoder of this server, or visop:SCHEME such as "
_RULE += "visop:regions:10 for a processor that is built in; images of containers are not started here"


@dataclass(frozen=True)
class Place:
    """Where an operator runs.

    Attributes:
        kind: what it is there.
        addr: as it was registered.
    """

    kind: Kind
    addr: str

    @classmethod
    def of(cls, kind: str, addr: str) -> Place:
        """Check what was registered.

        Raises:
            UsageError: this is no kind of operator, or no place.
        """
        if kind not in ("processor", "encoder"):
            raise UsageError("type", kind[:40], "must be processor or encoder")
        place = cls("processor" if kind == "processor" else "encoder", addr)
        if not (place._is_right_here() if place.is_here else _is_host_and_port(addr)):
            raise UsageError("addr", addr[:100], _RULE)
        return place

    @property
    def is_here(self) -> bool:
        """Whether it is an operator of this server."""
        return self.addr.partition(":")[0] == HERE and not _is_host_and_port(self.addr)

    @property
    def scheme(self) -> str:
        """The name of a processor that is built in."""
        return self.addr.partition(":")[2]

    @property
    def ip(self) -> str:
        """The host."""
        return HERE if self.is_here else address.split(self.addr)[0]

    def __str__(self) -> str:
        return f"the {self.kind} {self.addr}"

    def _is_right_here(self) -> bool:
        if self.kind == "encoder":
            return self.addr == HERE
        return self.scheme != "auto" and _SCHEME.fullmatch(self.scheme) is not None


def _is_host_and_port(addr: str) -> bool:
    try:
        host, port = address.split(addr)
    except ValueError:
        return False
    return bool(port) and _HOST.fullmatch(host) is not None

"""From where a call came, for sharing out what the server has."""

from __future__ import annotations

import functools
import ipaddress
from collections import Counter
from urllib.parse import unquote


@functools.lru_cache(4096)
def peer_of_grpc(text: str) -> str:
    """Turn what gRPC calls a peer, such as ``ipv4:10.0.0.7:50123`` or ``ipv6:%5B::1%5D:50123``, into ``peer_of``."""
    kind, _, place = text.partition(":")
    return peer_of(unquote(place).rpartition(":")[0].strip("[]")) if kind in ("ipv4", "ipv6") else text


def peer_of(host: str) -> str:
    """Return what counts as one peer: an IPv4 address, or the /64 network of an IPv6 address, all of one site."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


# Bulk work, such as streams, leaves this part to calls for which somebody waits: one quarter.
_LEFT_BY_BULK = 4


def most_of_bulk(capacity: int) -> int:
    """How much bulk work may have of something that there is only so much of."""
    return max(1, capacity - capacity // _LEFT_BY_BULK)


class Shares:
    """Counts what each holder, such as a peer, has of something that there is only so much of.

    A part is left to others whatever one asks for. Who holds nothing may take what it needs at once.

    Args:
        capacity: how much there is.
        left: the part that is left to others: one ``left``-th.

    Attributes:
        total: what all holders have.
    """

    def __init__(self, capacity: int, left: int = 8) -> None:
        self._most = capacity - capacity // left
        self._held: Counter[str] = Counter()
        self.total = 0

    def of(self, holder: str) -> int:
        """What a holder has."""
        return self._held[holder]

    def has_room(self, holder: str, count: int, besides: int = 0) -> bool:
        """Whether a holder may have so many more. ``besides``: what it has elsewhere of the same."""
        return not self._held[holder] or self._held[holder] + besides + count <= self._most

    def add(self, holder: str, count: int) -> None:
        """Take note that a holder has so many more, or fewer."""
        self.total += count
        self._held[holder] += count
        if not self._held[holder]:
            del self._held[holder]

"""From where a call came, for sharing out what the server has."""

from __future__ import annotations

import ipaddress
from collections import Counter
from urllib.parse import unquote


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


class Shares:
    """Counts what each peer holds of something that there is only so much of.

    An eighth is left to others whatever one peer asks for. A peer that holds nothing may take what it needs at once.

    Args:
        capacity: how much there is.
    """

    def __init__(self, capacity: int) -> None:
        self._most = capacity - capacity // 8
        self._held: Counter[str] = Counter()

    def has_room(self, peer: str, count: int) -> bool:
        """Whether a peer may have so many more."""
        return not self._held[peer] or self._held[peer] + count <= self._most

    def add(self, peer: str, count: int) -> None:
        """Take note that a peer holds so many more, or fewer."""
        self._held[peer] += count
        if not self._held[peer]:
            del self._held[peer]

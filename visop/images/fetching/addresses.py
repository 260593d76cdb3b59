"""Decide which addresses and hosts may be contacted. These are pure rules: nothing here resolves a name.

``ipaddress.is_global`` is not used because its answers depend on the Python release, and because it counts multicast
as global, as well as IPv6 addresses that embed a private IPv4 address (NAT64, 6to4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from visop.errors import UrlRejected

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA IPv4 Special-Purpose Address Registry, https://www.iana.org/assignments/iana-ipv4-special-registry
_NOT_PUBLIC_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network; on Linux, 0.0.0.0 reaches the local machine
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; some clouds serve metadata from it
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # not in the registry: Azure's platform endpoint, reachable from every Azure VM
        "169.254.0.0/16",  # link-local; cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved; includes broadcast
    )
)

# The only block from which IANA allocates public addresses. Everything outside it is refused: loopback, link-local,
# unique-local, site-local, multicast, IPv4-mapped (::ffff:0:0/96), IPv4-compatible (::/96), NAT64 (64:ff9b::/32).
_PUBLIC_V6 = IPv6Network("2000::/3")

# IANA IPv6 Special-Purpose Address Registry, https://www.iana.org/assignments/iana-ipv6-special-registry
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: embeds an arbitrary IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the public internet and to no special-purpose block."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _PUBLIC_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


@dataclass(frozen=True)
class AllowList:
    """Hosts and networks that may be contacted even though they are not public.

    Attributes:
        hosts: host names in lower case, matched whole.
        domains: suffixes with a leading dot, from entries such as ``*.corp.example``.
        networks: single addresses and networks.
    """

    hosts: frozenset[str]
    domains: tuple[str, ...]
    networks: tuple[Network, ...]

    @classmethod
    def parse(cls, entries: Sequence[str]) -> AllowList:
        """Parse entries such as ``minio.local``, ``*.corp.example``, ``10.0.0.7`` and ``fd00::/8``.

        Raises:
            ValueError: an entry contains a slash but is not a network.
        """
        hosts, domains, networks = set[str](), list[str](), list[Network]()
        for entry in (entry.strip().lower() for entry in entries):
            if (network := _parse_network(entry)) is not None:
                networks.append(network)
            elif entry.startswith("*."):
                domains.append(entry[1:])
            else:
                hosts.add(entry)
        return cls(frozenset(hosts), tuple(domains), tuple(networks))

    def has_host(self, host: str) -> bool:
        """Return whether a host is allowed by name. ``*.example`` does not match ``example`` itself."""
        host = host.lower().removesuffix(".")
        return host in self.hosts or host.endswith(self.domains)

    def has_address(self, address: Address) -> bool:
        """Return whether an address is allowed, whatever name resolved to it."""
        return any(address in network for network in self.networks)


def _parse_network(entry: str) -> Network | None:
    try:
        return ip_network(entry, strict=False) if "/" in entry else ip_network(ip_address(entry))
    except ValueError:
        if "/" in entry:
            raise
        return None


def refuse_private(host: str, addresses: Iterable[Address], allow: AllowList) -> None:
    """Refuse a host of which one address is neither public nor allowed; a host on the allow list may have any.

    Raises:
        UrlRejected: does not quote the address, which would tell a caller what is behind a name.
    """
    if allow.has_host(host):
        return
    for address in addresses:
        if not is_public(address) and not allow.has_address(address):
            raise UrlRejected("URL leads to an address that is not public and not on the allow list (OP_FETCH_ALLOW)")

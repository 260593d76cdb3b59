"""HOST:PORT as people write it: apart, together again, and whether anybody could call it."""

from __future__ import annotations

import ipaddress
import socket  # noqa: TID251 - it asks what a name means
from urllib.parse import unquote


def split(address: str) -> tuple[str, int | None]:
    """``10.0.0.7:50051`` -> (``10.0.0.7``, 50051). An IPv6 host stands in brackets, or alone; none is ``""``.

    Raises:
        ValueError: the port is not a number from 0 to 65535.
    """
    if ":" not in address or _is_ip(address.strip("[]")):
        return address.strip("[]"), None
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(port)
    return host.strip("[]"), int(port)


def join(host: str, port: int) -> str:
    """(``::1``, 50051) -> ``[::1]:50051``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_wildcard(host: str) -> bool:
    """Whether it means every address of a machine (``0.0.0.0``, ``::``, none), which nobody can call."""
    return not host or (_is_ip(host) and ipaddress.ip_address(host).is_unspecified)


def resolved(host: str) -> list[str]:
    """The IP addresses that a host means to this machine, as they are bound: IPv4 first.

    Args:
        host: a name, or an address in any form that the system takes, such as ``127.1``, ``0x7f.1`` or ``2130706433``.

    Raises:
        OSError: it means none.
    """
    name = "localhost" if host.lower() == "localhost." else host  # which systems with a plain hosts file do not find
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError(f"{host}: no name of a host") from None
    addresses = [_unmapped(str(place[0])) for *_, place in found]
    return sorted(dict.fromkeys(addresses), key=lambda each: ":" in each)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it, which its addresses say, however they are written."""
    try:
        return bool(host) and all(ipaddress.ip_address(each).is_loopback for each in resolved(host))
    except OSError:
        return False


def leads_here(target: str) -> bool:
    """Whether a gRPC target cannot leave this machine, so that no proxy may be asked to reach it.

    Args:
        target: in any form that gRPC takes (https://grpc.github.io/grpc/core/md_doc_naming.html): ``localhost:50051``,
            ``dns:///localhost:50051``, ``ipv4:127.0.0.1:1,127.0.0.1:2``, ``unix:/run/operator.sock``.
    """
    scheme, colon, rest = target.partition(":")
    if colon and scheme.lower() in ("unix", "unix-abstract"):
        return True
    addresses = rest.rpartition("/")[2] if scheme.lower() in ("dns", "ipv4", "ipv6") else target
    return all(_is_here(unquote(each)) for each in addresses.split(","))


def _is_here(address: str) -> bool:
    try:
        host = split(address)[0].lower().removesuffix(".")
    except ValueError:
        return False
    if _is_ip(host):
        found = ipaddress.ip_address(_unmapped(host))
        return found.is_loopback or found.is_unspecified
    return host == "localhost" or host.endswith(".localhost")


def _unmapped(address: str) -> str:
    """``::ffff:127.0.0.1`` -> ``127.0.0.1``, which it is; other addresses as they are."""
    return str(getattr(ipaddress.ip_address(address), "ipv4_mapped", None) or address)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

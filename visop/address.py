"""HOST:PORT as people write it: apart, together again, and whether anybody could call it."""

from __future__ import annotations

import ipaddress


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


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    return ipaddress.ip_address(host).is_loopback if _is_ip(host) else host == "localhost"


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

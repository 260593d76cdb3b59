"""The web as a test wants it: a server, names, and a certificate."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.images.web import Resolver, Site
from tests.in_thread import serving_in_thread


@contextmanager
def _serving(site: Site) -> Iterator[Site]:
    with serving_in_thread(site):
        yield site
        site.stopped.set()


@pytest.fixture
def site() -> Iterator[Site]:
    with _serving(Site()) as site:
        yield site


@pytest.fixture
def tls_site(certificate: Path) -> Iterator[Site]:
    """The same over TLS, as images.test, with a certificate that nobody trusts."""
    site = Site()
    site.wrap(certificate)
    with _serving(site):
        yield site


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-made certificate for images.test, and its key, in one PEM file."""
    path = tmp_path_factory.mktemp("tls") / "images.test.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=images.test"
    names = ["-addext", "subjectAltName=DNS:images.test"]
    try:
        subprocess.run(
            ["openssl", *options.split(), *names, "-keyout", path, "-out", path.with_suffix(".crt")],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("no openssl on this machine to make a certificate with")
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Instead of DNS. Addresses in any spelling still go to the real ``getaddrinfo``: its leniency is under test."""
    real: Callable[..., Any] = socket.getaddrinfo
    fake = Resolver()

    def look_up(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        fake.asked.append(host)
        if host in fake.names:
            return [answer for each in fake.addresses(host) for answer in real(each, port, *args, **kwargs)]
        spelling = host.lower().removesuffix(".")
        if spelling == "localhost" or _is_numeric(spelling):
            return real(spelling, port, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, "no such name in this test")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return fake


def _is_numeric(host: str) -> bool:
    try:
        socket.inet_aton(host)  # takes 127.1, 0x7f000001, 017700000001 as getaddrinfo does
    except OSError:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
    return True

"""The web as a test wants it: a server, names, and a certificate."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.images.web import Resolver, Site


def _serve(site: Site) -> Iterator[Site]:
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield site
    site.stopped.set()
    site.shutdown()
    thread.join()
    site.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    yield from _serve(Site())


@pytest.fixture
def tls_site(certificate: Path) -> Iterator[Site]:
    """The same over TLS, as images.test, with a certificate that nobody trusts."""
    site = Site()
    site.wrap(certificate)
    yield from _serve(site)


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

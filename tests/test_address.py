from __future__ import annotations

import pytest

from visop import address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.7:50051", "10.0.0.7", 50051),
        ("operator.example:0", "operator.example", 0),
        ("[::1]:80", "::1", 80),
        (":80", "", 80),
        ("0.0.0.0", "0.0.0.0", None),
        ("::", "::", None),
        ("[fe80::1]", "fe80::1", None),
        ("", "", None),
    ],
)
def test_host_and_port_are_told_apart(text: str, host: str, port: int | None) -> None:
    assert address.split(text) == (host, port)


@pytest.mark.parametrize("text", ["host:", "host:http", "host:65536", "host:-1", "host:٣"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="^" + text.partition(":")[2] + "$"):
        address.split(text)


def test_an_ipv6_host_gets_its_brackets() -> None:
    assert address.join("::1", 80) == "[::1]:80"
    assert address.join("localhost", 80) == "localhost:80"


LOOPBACK = ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1", "localhost", "localhost.", "LOCALHOST"]
LOOPBACK += ["127.1", "0x7f.1", "0177.1", "2130706433"]


def test_what_means_every_address_can_be_called_by_nobody() -> None:
    assert all(map(address.is_wildcard, ["", "0.0.0.0", "::", "0:0:0:0:0:0:0:0"]))
    assert not any(map(address.is_wildcard, ["127.0.0.1", "::1", "localhost", "10.0.0.0"]))


def test_what_only_this_machine_reaches_is_told_from_the_rest() -> None:
    assert all(map(address.is_loopback, LOOPBACK))
    assert not any(map(address.is_loopback, ["0.0.0.0", "::", "", "0", "10.0.0.7", "10.1", "::ffff:10.0.0.7", "a..b"]))
    assert not address.is_loopback("localhost.example.invalid")


@pytest.mark.parametrize(
    ("host", "found"),
    [("127.1", "127.0.0.1"), ("0x7f.0.0.2", "127.0.0.2"), ("::ffff:127.0.0.1", "127.0.0.1"), ("::1", "::1")],
)
def test_an_address_is_found_however_it_is_written(host: str, found: str) -> None:
    assert address.resolved(host) == [found]


def test_a_name_that_means_nothing_here_has_no_address() -> None:
    with pytest.raises(OSError, match="no name of a host"):
        address.resolved("a..b")


@pytest.mark.parametrize(
    "target",
    """
    127.0.0.1:50051 127.8.9.1:1 [::1]:80 [::ffff:127.0.0.1]:80 0.0.0.0:1 [::]:1 localhost:50051 LOCALHOST:1
    localhost operator.localhost:1 localhost.:1 dns:localhost:1 dns:///localhost:1 dns://8.8.8.8/localhost:1
    ipv4:127.0.0.1:1 ipv4:127.0.0.1:1,127.0.0.2:2 ipv6:[::1]:1 ipv6:%5B::1%5D:1 unix:a.sock unix:/run/a.sock
    unix:///run/a.sock unix-abstract:a
    """.split(),  # noqa: SIM905 - a table
)
def test_a_target_of_this_machine_is_known_in_every_form(target: str) -> None:
    assert address.leads_here(target)


@pytest.mark.parametrize(
    "target",
    """
    10.0.0.7:50051 operator:50051 localhost.example:1 127.0.0.1.example:1 dns:///operator.example:1 [fe80::1]:1
    ipv4:127.0.0.1:1,10.0.0.7:1 xds:///operator 1270.0.0.1:1 localhost:port 128.0.0.1:1
    """.split(),  # noqa: SIM905 - a table
)
def test_a_target_elsewhere_is_not(target: str) -> None:
    assert not address.leads_here(target)

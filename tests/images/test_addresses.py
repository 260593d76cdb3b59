from __future__ import annotations

from ipaddress import ip_address

import pytest

from visop.errors import UrlRejected
from visop.images.fetching.addresses import AllowList, is_public, refuse_private

NOT_PUBLIC = """
    0.0.0.0 0.255.255.255 10.0.0.1 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.255
    168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.9 192.0.0.192
    192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
    64:ff9b::8.8.8.8 64:ff9b:1::10.0.0.1 100::1 2001::1 2001:0:7f00:1:: 2001:2::1 2001:20::1 2001:db8::1 2002:7f00:1::
    2002:808:808:: 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1
""".split()  # noqa: SIM905 - a table

PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15
    169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
    223.255.255.255 2001:200::1 2001:4860:4860::8888 2400:cb00::1 2606:4700::1111 2a00:1450::1 3ffe::1
""".split()  # noqa: SIM905 - a table


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_an_address_that_is_not_of_the_public_internet(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_the_public_internet(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("host", ["minio.local", "MINIO.local", "minio.local.", "a.corp.example", "a.b.corp.example"])
def test_a_host_that_is_on_the_list(host: str) -> None:
    assert AllowList.parse(["Minio.Local", " *.corp.example "]).has_host(host)


@pytest.mark.parametrize(
    "host", ["minio", "x.minio.local", "corp.example", "evilcorp.example", "corp.example.evil", ""]
)
def test_a_host_that_is_not_on_the_list(host: str) -> None:
    assert not AllowList.parse(["minio.local", "*.corp.example"]).has_host(host)


@pytest.mark.parametrize("text", ["10.1.2.3", "192.168.0.7", "fd00::1", "::1"])
def test_an_address_that_is_on_the_list(text: str) -> None:
    assert AllowList.parse(["10.1.0.0/16", "192.168.0.7", "FD00::/8", "::1"]).has_address(ip_address(text))


@pytest.mark.parametrize("text", ["10.2.0.0", "192.168.0.8", "::ffff:10.1.2.3", "::2", "fe80::1"])
def test_an_address_that_is_not_on_the_list(text: str) -> None:
    assert not AllowList.parse(["10.1.0.0/16", "192.168.0.7", "FD00::/8", "::1"]).has_address(ip_address(text))


def test_the_empty_list_has_nothing() -> None:
    allow = AllowList.parse([])
    assert not allow.has_host("a")
    assert not allow.has_address(ip_address("127.0.0.1"))


def test_a_network_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        AllowList.parse(["10.0.0.0/99"])


def test_one_private_address_is_enough_to_refuse_a_host() -> None:
    addresses = [ip_address("8.8.8.8"), ip_address("10.0.0.1")]
    with pytest.raises(UrlRejected, match="not public and not on the allow list"):
        refuse_private("example.org", addresses, AllowList.parse([]))
    refuse_private("example.org", addresses, AllowList.parse(["10.0.0.0/8"]))
    refuse_private("example.org", addresses, AllowList.parse(["example.org"]))

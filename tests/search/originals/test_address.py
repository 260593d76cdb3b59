"""Addresses of folders for originals, as people give them."""

import pytest

from visop.errors import UsageError
from visop.search.originals.address import address_of, folder_address, folder_of, is_ours

ID = "ab" * 32


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("s3://bucket", "s3://bucket/cats"),
        ("s3://bucket/some/folder/", "s3://bucket/some/folder/cats"),
        ("gs://bucket/a", "gs://bucket/a/cats"),
        ("/srv/with space", "file:///srv/with%20space/cats"),
        ("file:///srv/a", "file:///srv/a/cats"),
        ("memory://a", "memory://a/cats"),
    ],
)
def test_each_index_has_a_folder_of_its_own(given: str, address: str) -> None:
    assert folder_address(given, "cats") == address
    assert folder_of(address_of(address, ID)) == address
    assert is_ours(address_of(address, ID), ID)


def test_a_relative_path_is_of_the_working_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder_address("kept", "cats") == f"{tmp_path.as_uri()}/kept/cats"


@pytest.mark.parametrize(
    "given", ["http://host/a", "s3://", "s3:///a", "ftp://host/a", "s3://b/a?x", "zip://a::s3://b/a", "s3://[::1"]
)
def test_another_address_is_wrong_usage(given: str) -> None:
    with pytest.raises(UsageError, match=r"must be a folder, or an address such as s3://BUCKET/FOLDER"):
        folder_address(given, "cats")


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="must have no password") as caught:
        folder_address("s3://key:secret@bucket/a", "cats")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["https://host/ab/" + ID, "s3://b/ab/" + "ac" * 32, "/etc/passwd", ""])
def test_what_is_no_copy_of_the_picture_is_neither_read_nor_deleted(address: str) -> None:
    assert not is_ours(address, ID)

"""Where an index is, as it is typed: what is meant, and what is refused in true words."""

from pathlib import Path

import pytest

from visop.errors import UsageError
from visop.search.errors import NoSuchIndex
from visop.search.place import check_there, file_of


@pytest.mark.parametrize("typed", ["{}/a.db", "{}/a.db/", "{}//a.db//", "file://{}/a.db", "file://localhost{}/a.db/"])
def test_one_file_is_meant_by_all_its_spellings(typed: str, tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    assert file_of(typed.format(tmp_path)) == tmp_path / "a.db"
    check_there(typed.format(tmp_path))


def test_a_server_has_no_file() -> None:
    assert file_of("http://user:secret@milvus:19530/photos") is None


@pytest.mark.parametrize(
    "typed", ["https://", "http://:19530", "http://h:port", "ftp://h", "file://h/a.db", "a", ".db/x"]
)
def test_what_is_neither_file_nor_address_is_wrong_usage(typed: str) -> None:
    with pytest.raises(UsageError, match=r"^uri .*: must "):
        file_of(typed)


def test_no_password_is_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        file_of("ftp://user:secret@h")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"SQLite format 3\0", "a file of Milvus Lite 2, which visop cannot read; it is left alone. Index"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture, and no index"),
        (b"", "a file, and an index is a folder"),
    ],
)
def test_a_file_is_named_and_left_alone(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "old.db").write_bytes(content)
    with pytest.raises(UsageError, match=f"^uri .*old.db: {words}"):
        file_of(str(tmp_path / "old.db"))
    assert (tmp_path / "old.db").read_bytes() == content


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"there is no folder {tmp_path}/none"):
        file_of(str(tmp_path / "none" / "x.db"))


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NoSuchIndex, match="`visop index` makes one"):
        check_there(str(tmp_path / "x.db"))
    assert not list(tmp_path.iterdir())

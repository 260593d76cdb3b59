from __future__ import annotations

import logging
from pathlib import Path

import pytest

from visop.errors import InvalidInput, UsageError
from visop.search.failures import Failures, default_list

EARLIER = "input,code,reason\nb.jpg,INVALID_ARGUMENT,of an earlier run\n"


def test_failures_are_written_down_once_there_are_any(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(EARLIER)
    with Failures(tmp_path / "e.csv") as failures:
        assert (tmp_path / "e.csv").read_text() == EARLIER
        failures.add("a.jpg", InvalidInput("not an image"))
    assert (tmp_path / "e.csv").read_text() == "input,code,reason\na.jpg,INVALID_ARGUMENT,not an image\n"


def test_those_of_an_earlier_run_go_at_the_end_of_one_that_has_none_and_stay_where_it_does_not_get_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "e.csv").write_text(EARLIER)
    with pytest.raises(InvalidInput), Failures(tmp_path / "e.csv"):
        raise InvalidInput("stopped")
    assert (tmp_path / "e.csv").read_text() == EARLIER
    with Failures(tmp_path / "e.csv"):
        pass
    assert not (tmp_path / "e.csv").exists()


@pytest.mark.parametrize("content", ["input\nmine.jpg\n", "a photo"])
def test_a_file_that_is_no_list_of_errors_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "mine").write_text(content)
    with pytest.raises(UsageError, match=r"^errors .*mine: is there already and no list of errors"):
        Failures(tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == content


@pytest.mark.parametrize("path", [".", "missing/e.csv"])
def test_a_file_that_cannot_be_written_stops_a_command_before_its_work(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match=r"^errors .*: must be a file in a folder that is there"):
        Failures(tmp_path / path)


def test_a_folder_that_vanishes_stops_a_command(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    with Failures(tmp_path / "gone" / "e.csv") as failures:
        (tmp_path / "gone").rmdir()
        with pytest.raises(UsageError, match=r"^errors .*e.csv: No such file"):
            failures.add("a.jpg", InvalidInput("not an image"))


def test_a_server_counts_what_it_cannot_write_down(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "gone").mkdir()
    with caplog.at_level(logging.WARNING), Failures(tmp_path / "gone" / "e.csv", or_count=True) as failures:
        (tmp_path / "gone").rmdir()
        for _ in range(3):
            failures.add("a.jpg", InvalidInput("not an image"))
    assert (failures.count, failures.path) == (3, None)
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path}/gone/e.csv: No such file or directory; ")


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("visop.db", "visop.photos.errors.csv"),
        ("/a.db/", "/a.photos.errors.csv"),
        ("http://user:secret@milvus:19530/b", "milvus-19530-b.photos.errors.csv"),
    ],
)
def test_every_index_has_a_list_of_its_own(uri: str, file: str) -> None:
    assert str(default_list(uri, "photos")) == file

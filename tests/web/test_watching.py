"""Real events of a real file system, against the whole site."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from tests.conftest import picture_file
from tests.search.conftest import colour_of, write_pictures
from tests.web.conftest import Site, open_test_site
from visop.web.batch import Batch
from visop.web.watching import Watch, WatchTimes

TIMES = WatchTimes(quiet=0.2, look=0.05, poll=0.1, pause=0.05)
WATCHED = {"watch": True, "times": TIMES}


@pytest.fixture
def watched(start_site: Callable[..., Site]) -> Site:
    """Ten pictures in a folder that is watched."""
    return start_site(options=WATCHED)


def until(holds: Callable[[], Any]) -> None:
    """Wait; pytest's own limit ends it."""
    while not holds():
        pass


def files_of(site: Site) -> set[str]:
    return {str(Path(name).relative_to(site.folder)) for name in all_names(site)}


def all_names(site: Site) -> set[str]:
    pictures = site.web.get("/v1/pictures?limit=100").json()["pictures"]
    return {name for picture in pictures for name in picture["names"]}


def test_what_is_added_renamed_changed_and_deleted_is_followed(watched: Site) -> None:
    numbers = {f"{number}.png" for number in range(10)}
    assert watched.status()["watching"] is True
    encoded = sum(watched.operator.batches)
    os.rename(watched.folder / "0.png", watched.folder / "zero.png")
    until(lambda: files_of(watched) == numbers - {"0.png"} | {"zero.png"})
    assert sum(watched.operator.batches) == encoded
    write_pictures(watched.folder / "trip" / "day", 2, first=20)
    (watched.folder / "1.png").unlink()
    (watched.folder / "2.png").write_bytes(picture_file(colour_of(30)))
    there = numbers - {"0.png", "1.png"} | {"zero.png", "trip/day/20.png", "trip/day/21.png"}
    until(lambda: files_of(watched) == there and watched.status()["indexing"]["state"] == "done")
    assert watched.status()["count"] == 11
    assert watched.search(id=watched.ids()["2.png"], k=1).json()["matches"][0]["cosine"] == pytest.approx(1)
    assert watched.status()["indexing"]["failed"] == 0


@pytest.mark.slow
def test_what_changed_while_nothing_ran_is_noticed_at_the_start(tmp_path: Path) -> None:
    with open_test_site(tmp_path, 5):
        pass
    os.rename(tmp_path / "photos" / "0.png", tmp_path / "photos" / "zero.png")
    (tmp_path / "photos" / "1.png").unlink()
    write_pictures(tmp_path / "photos", 1, first=20)
    options = {"pictures": [str(tmp_path / "photos")]}
    with open_test_site(tmp_path, 0, options=options) as site:
        assert sum(site.operator.batches) == 1
        assert files_of(site) == {"2.png", "3.png", "4.png", "20.png", "zero.png"}
        assert site.status()["watching"] is False


@pytest.mark.slow
def test_a_file_that_is_still_written_is_waited_for_and_read_again_when_it_is_whole(watched: Site) -> None:
    whole = picture_file((200, 10, 10), (64, 64))
    with open(watched.folder / "late.png", "wb") as file:
        for start in range(0, len(whole), 40):
            file.write(whole[start : start + 40])
            file.flush()
            threading.Event().wait(TIMES.quiet / 2)
    until(lambda: "late.png" in files_of(watched))
    assert watched.status()["indexing"]["failed"] == 0
    with open(watched.folder / "slow.png", "wb") as file:
        file.write(whole[:60])
        file.flush()
        until(lambda: watched.status()["indexing"]["failed"] == 1)
        (failure,) = watched.web.get("/v1/index/failures").json()["failures"]
        assert failure["name"] == str(watched.folder / "slow.png")
        file.write(whole[60:] + b" and more")
    until(lambda: "slow.png" in files_of(watched))
    until(lambda: watched.status()["indexing"]["failed"] == 0)


@pytest.mark.slow
def test_a_file_that_failed_and_is_deleted_is_no_failure_any_more(watched: Site) -> None:
    (watched.folder / "bad.png").write_bytes(b"bad")
    until(lambda: watched.status()["indexing"]["failed"] == 1)
    (watched.folder / "bad.png").unlink()
    until(lambda: watched.status()["indexing"]["failed"] == 0)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["folder", "below"])
def test_a_folder_that_goes_away_keeps_its_pictures_until_it_is_back(
    start_site: Callable[..., Site], tmp_path: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    write_pictures(tmp_path / "photos" / "trip", 2, first=20)
    site = start_site(options=WATCHED)
    gone = site.folder if what == "folder" else site.folder / "trip"
    away = tmp_path / "away"
    os.rename(gone, away)
    words = "went away, came back or was exchanged" if what == "folder" else "is gone or empty; its pictures stay"
    until(lambda: words in caplog.text)
    assert (site.status()["count"], len(all_names(site))) == (12, 12)
    gone_now = [each["gone"] for each in site.web.get("/v1/pictures").json()["pictures"]]
    assert sum(gone_now) == (12 if what == "folder" else 2)
    (away / "more.png").write_bytes(picture_file(colour_of(60)))
    os.rename(away, gone)
    until(lambda: site.status()["count"] == 13)
    (gone / "more.png").unlink()
    until(lambda: site.status()["count"] == 12)


def test_a_folder_that_comes_back_under_another_name_is_known_by_that_alone(
    start_site: Callable[..., Site], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """To rename a folder is one change or two, as the events come."""
    write_pictures(tmp_path / "photos" / "trip", 2, first=20)
    site = start_site(options=WATCHED)
    os.rename(site.folder / "trip", tmp_path / "away")
    until(lambda: "is gone or empty; its pictures stay" in caplog.text)
    os.rename(tmp_path / "away", site.folder / "journey")
    until(lambda: "journey/20.png" in files_of(site) and site.status()["indexing"]["state"] == "done")
    assert files_of(site) == {f"{number}.png" for number in range(10)} | {"journey/20.png", "journey/21.png"}


@pytest.mark.slow
def test_thousands_of_files_at_once_are_one_batch_and_the_same_when_they_go(
    start_site: Callable[..., Site], tmp_path: Path
) -> None:
    site = start_site(options=WATCHED)
    write_pictures(tmp_path / "elsewhere", 1500, first=100)
    os.rename(tmp_path / "elsewhere", site.folder / "many")
    until(lambda: site.status()["count"] == 1510 and site.status()["indexing"]["state"] == "done")
    assert site.status()["indexing"]["total"] == 1500
    for path in list((site.folder / "many").iterdir())[:-1]:
        path.unlink()
    until(lambda: site.status()["count"] == 11)
    (site.folder / "new.png").write_bytes(picture_file(colour_of(20)))
    until(lambda: "new.png" in files_of(site))


@pytest.mark.slow
def test_a_name_that_is_no_text_is_followed_as_well(watched: Site) -> None:
    path = os.fsencode(watched.folder) + b"/caf\xe9.png"
    with open(path, "wb") as file:
        file.write(picture_file(colour_of(20)))
    until(lambda: watched.status()["count"] == 11)
    os.unlink(path)
    until(lambda: watched.status()["count"] == 10)


@pytest.mark.slow
def test_where_the_system_reports_nothing_the_files_are_looked_at(
    start_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    report = watchfiles.watch

    def watch(*folders: str, force_polling: bool | None, **options: Any) -> Iterator[Any]:
        if not force_polling:
            raise OSError("OS file watch limit reached.")
        return report(*folders, force_polling=True, **options)

    monkeypatch.setattr(watchfiles, "watch", watch)
    site = start_site(options=WATCHED)
    assert "cannot report changes in the folders: OS file watch limit reached" in caplog.text
    assert "raise fs.inotify.max_user_watches" in caplog.text
    (site.folder / "new.png").write_bytes(picture_file(colour_of(20)))
    os.rename(site.folder / "0.png", site.folder / "zero.png")
    (site.folder / "1.png").unlink()
    there = {f"{number}.png" for number in range(2, 10)} | {"new.png", "zero.png"}
    until(lambda: files_of(site) == there)


@pytest.mark.slow
@pytest.mark.parametrize(("host", "tells"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_what_could_not_be_read_is_told_to_this_machine_only(
    start_site: Callable[..., Site], tmp_path: Path, host: str, tells: bool
) -> None:
    write_pictures(tmp_path / "photos", 1)
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "photos" / name).write_bytes(f"no picture {name}".encode())
    site = start_site(1, http_endpoint=f"{host}:0")
    assert (site.status()["indexing"]["failed"], site.status()["failures_told"]) == (2, tells)
    answer = site.web.get("/v1/index/failures?limit=1")
    assert answer.status_code == (200 if tells else 403)
    if tells:
        assert answer.json()["count"] == 2
        (told,) = answer.json()["failures"]
        assert (told["name"], told["code"]) == (str(site.folder / "a.jpg"), "INVALID_ARGUMENT")
        assert "not an image" in told["reason"]
    else:
        assert str(tmp_path) not in answer.text


@pytest.mark.slow
def test_what_is_no_picture_and_what_is_ours_wakes_nothing(tmp_path: Path) -> None:
    write_pictures(tmp_path / "elsewhere", 1)
    write_pictures(folder := tmp_path / "photos", 1)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    stopping = threading.Event()
    batches = Watch([str(folder)], [f"{folder}/visop.db/"], stopping, TIMES).batches()
    assert next(batches) == Batch([str(folder)], prune=True, is_last=True)
    (folder / "notes.txt").write_text("x")
    write_pictures(tmp_path / "elsewhere", 1, first=7)
    (folder / "visop.db").mkdir()
    write_pictures(folder / "visop.db", 1, first=5)
    shutil.rmtree(folder / "visop.db")
    (folder / "visop.db").mkdir()
    write_pictures(folder, 1, first=1)
    changed = str(folder / "1.png")
    assert next(batches) == Batch([changed], changed=[changed], is_last=True)
    stopping.set()
    assert list(batches) == []
    assert logging.getLogger("watchfiles").level == logging.WARNING

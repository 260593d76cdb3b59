"""The command, against a real web server."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from tests.collect.conftest import Collect, Manifest
from tests.collect.pages_site import PagesSite, endless, picture, redirects, sends
from visop.collect.collector import CollectOptions, Collector, summarise
from visop.collect.crawler import Crawler
from visop.collect.folder import PictureFolder
from visop.collect.pace import Pace
from visop.errors import UsageError
from visop.images.decode import ImageLimits
from visop.images.fetching.fetch import Fetcher
from visop.settings import Settings


def saved(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".jsonl"}


def named(*pictures: bytes) -> set[str]:
    return {f"{hashlib.sha256(data).hexdigest()}.png" for data in pictures}


def test_the_pictures_of_a_page_are_collected(
    web: PagesSite, collect: Collect, manifest: Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert collect(web.page("/", web.pictures(3))) == 0
    assert saved(tmp_path / "out") == named(picture(1), picture(2), picture(3))
    assert [entry["alt"] for entry in manifest()] == ["number 1", "number 2", "number 3"]
    assert "3 pictures from 1 pages" in capsys.readouterr().out


def test_a_second_run_fetches_nothing(web: PagesSite, collect: Collect, capsys: pytest.CaptureFixture[str]) -> None:
    page = web.page("/", web.pictures(2) + "<img src=/missing.png>")
    assert collect(page) == 1
    asked = len(web.asked)
    assert collect(page) == 1
    assert len(web.asked) == asked
    assert "1 pictures failed: 1 x the remote server answered with status 404" in capsys.readouterr().out


def test_what_failed_is_tried_again_on_demand(web: PagesSite, collect: Collect) -> None:
    page = web.page("/", web.pictures(1) + "<img src=/late.png>")
    assert collect(page, web.url("/late")) == 1
    web.paths |= {
        "/late.png": sends(picture(7), "image/png"),
        "/late": sends("<img src=/8.png>"),
        "/8.png": sends(picture(8)),
    }
    web.asked.clear()
    assert collect(page, web.url("/late"), "--retry-failed", "--refetch-pages") == 0
    assert web.asked == ["/robots.txt", "/", "/late.png", "/late", "/8.png"]


def test_the_run_ends_when_there_are_enough_and_goes_on_when_more_are_wanted(
    web: PagesSite, collect: Collect, tmp_path: Path
) -> None:
    page = web.page("/", web.pictures(4))
    assert collect(page, "--max", "2") == 0
    assert saved(tmp_path / "out") == named(picture(1), picture(2))
    assert collect(page, "--max", "3") == 0
    assert len(saved(tmp_path / "out")) == 3
    assert web.asked.count("/1.png") == 1


def test_a_run_that_was_killed_goes_on(
    web: PagesSite, collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, add = web.page("/", web.pictures(3)), PictureFolder.add

    def die(folder: PictureFolder, *arguments: object) -> None:
        if len(folder) == 1:
            raise KeyboardInterrupt
        add(folder, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(PictureFolder, "add", die)
        assert collect(page) == 130
    assert collect(page) == 0
    assert len(saved(tmp_path / "out")) == 3
    assert web.asked.count("/1.png") == 1


def test_what_is_not_wanted_is_skipped_and_no_failure(
    web: PagesSite, collect: Collect, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OP_MAX_PIXELS", "50000")
    web.paths |= {
        "/robots.txt": sends("User-agent: *\nDisallow: /secret"),
        "/same.png": sends(picture(1), "image/png"),
        "/near.jpg": sends(picture(1, (240, 180), "JPEG"), "image/jpeg"),
        "/small.png": sends(picture(2, (300, 20)), "image/png"),
        "/a.svg": sends("<svg/>", "image/svg+xml"),
        "/to_private.png": redirects("http://127.0.0.2/"),
        "/bomb.png": sends(picture(3, (400, 300))),
    }
    names = "same.png near.jpg small.png a.svg secret.png to_private.png bomb.png".split()  # noqa: SIM905 - a list
    html = web.pictures(1) + "".join(f"<img src=/{name}>" for name in names)
    assert collect(web.page("/", html + "<img src=javascript:x><img src='data:image/svg+xml,%3Csvg/%3E'>")) == 0
    first, *others = manifest()
    assert {entry["outcome"] for entry in others} == {"skipped"}
    assert [entry["reason"].partition(",")[0] for entry in others] == [
        "duplicate",
        "near duplicate",
        "a side below 64 pixels",
        "image/svg+xml is not a format that is decoded",
        "robots.txt does not allow it",
        "URL leads to an address that is not public and not on the allow list (OP_FETCH_ALLOW)",
        "image has 120",
        "not a URL of http or https",
        "image/svg+xml is not a format that is decoded",
    ]
    assert others[0]["like"] == others[1]["like"] == first["file"]


def test_near_duplicates_and_small_pictures_may_be_kept(web: PagesSite, collect: Collect, tmp_path: Path) -> None:
    web.paths["/near.jpg"] = sends(picture(1, (60, 45), "JPEG"))
    page = web.page("/", web.pictures(1) + "<img src=/near.jpg>")
    assert collect(page, "--keep-near-duplicates", "--min-side", "45") == 0
    assert len(saved(tmp_path / "out")) == 2


def test_links_are_taken_on_demand(web: PagesSite, collect: Collect, tmp_path: Path) -> None:
    web.paths["/big.png"] = sends(picture(1, (240, 180)))
    page = web.page("/", "<a href=/big.png>" + web.pictures(1))
    assert collect(page, "--links") == 0
    assert saved(tmp_path / "out") == named(picture(1, (240, 180)))


def test_a_data_uri_is_a_picture(web: PagesSite, collect: Collect, tmp_path: Path) -> None:
    uri = "data:image/png;base64," + base64.b64encode(picture(5)).decode()
    assert collect(web.page("/", f"<img src='{uri}'>")) == 0
    assert saved(tmp_path / "out") == named(picture(5))


def test_links_are_relative_to_where_a_redirect_led(web: PagesSite, collect: Collect, tmp_path: Path) -> None:
    web.paths |= {
        "/old": redirects("/new/page"),
        "/new/page": sends("<img src=a.png>"),
        "/new/a.png": sends(picture(1)),
    }
    assert collect(web.url("/old")) == 0
    assert saved(tmp_path / "out") == named(picture(1))


def test_pages_are_read_from_a_list(web: PagesSite, collect: Collect, tmp_path: Path) -> None:
    (tmp_path / "pages.txt").write_text(f"{web.page('/a', web.pictures(2))}\n\n  {web.page('/b', web.pictures(3))}  \n")
    assert collect("--list", str(tmp_path / "pages.txt")) == 0
    assert len(saved(tmp_path / "out")) == 3


# One bad page or picture stops nothing


def test_bad_pages_and_pictures_stop_nothing(web: PagesSite, collect: Collect, tmp_path: Path) -> None:
    web.paths |= {
        "/pdf": sends("%PDF", "application/pdf"),
        "/half.png": sends(picture(9)[:500]),
        "/text.png": sends("no picture", "image/png"),
        "/short.png": sends(b"abc", Content_Length="100"),
        "/empty.png": sends(b""),
    }
    html = "".join(f"<img src=/{name}.png>" for name in ("half", "text", "short", "empty", "missing"))
    good = web.page("/good", html + web.pictures(1))
    bad = [
        "http://no-such-host.invalid/",
        "example.org",
        "http://[",
        "http://10.0.0.1/",
        web.url("/pdf"),
        web.url("/404"),
    ]
    (tmp_path / "pages.txt").write_text("\n".join([*bad, good]))
    assert collect("--list", str(tmp_path / "pages.txt")) == 1
    assert saved(tmp_path / "out") == named(picture(1))
    with PictureFolder(tmp_path / "out") as folder:
        assert [folder.outcome("page", page) for page in bad] == ["failed"] * 6
        assert sum(count for (outcome, _), count in folder.count("picture").items() if outcome == "failed") == 5


def test_a_page_without_end_is_read_to_the_limit(web: PagesSite, collect: Collect, tmp_path: Path) -> None:
    web.paths["/"] = endless(web.pictures(1).encode(), b"<p>" + b" " * 60_000, "text/html")
    assert collect(web.url()) == 0
    assert saved(tmp_path / "out") == named(picture(1))


def test_a_picture_without_end_is_not_waited_for(
    web: PagesSite, collect: Collect, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OP_MAX_IMAGE_BYTES", "100000")
    web.paths["/endless.png"] = endless(picture(1), b"x" * 10_000, "image/png")
    web.paths["/gzip.png"] = sends(gzip.compress(bytes(20_000_000)), "image/png", Content_Encoding="gzip")
    assert collect(web.page("/", "<img src=/endless.png><img src=/gzip.png>")) == 0
    assert {entry["reason"] for entry in manifest()} == {"picture has more bytes than the limit of 100,000"}


def test_a_page_that_unpacks_to_gigabytes_is_read_to_the_limit(
    web: PagesSite, collect: Collect, tmp_path: Path
) -> None:
    html = web.pictures(1).encode() + b" " * 20_000_000
    web.paths["/"] = sends(gzip.compress(html), Content_Encoding="gzip")
    assert collect(web.url()) == 0
    assert saved(tmp_path / "out") == named(picture(1))


def test_a_robots_txt_without_end_is_read_to_the_limit(web: PagesSite, collect: Collect, manifest: Manifest) -> None:
    web.paths["/robots.txt"] = endless(b"User-agent: *\nDisallow: /1.png\n", b"# comment\n" * 1000, "text/plain")
    assert collect(web.page("/", web.pictures(2))) == 0
    assert [entry["outcome"] for entry in manifest()] == ["skipped", "done"]


def test_a_page_of_endless_pictures_is_cut_off(web: PagesSite, manifest: Manifest, tmp_path: Path) -> None:
    page = web.page("/", web.pictures(3) + "".join(f"<img src=/x{number}.png>" for number in range(1000)))
    settings = Settings(fetch_allow=("127.0.0.1",))
    options = CollectOptions(
        min_side=1, max_pictures=10, links=False, retry_failed=False, refetch_pages=False, max_per_page=3
    )
    with PictureFolder(tmp_path / "out", keep_near_duplicates=False) as folder, Fetcher.of(settings) as fetcher:
        crawler = Crawler(fetcher, Pace(0.001), settings.max_redirects)
        Collector(crawler, folder, ImageLimits.of(settings), options, tqdm(disable=True)).run([page])
        summary = "\n".join(summarise(folder))
    assert len(manifest()) == 3
    assert "1,000 pictures left out" in summary


def test_a_private_address_is_refused_unless_it_is_allowed(web: PagesSite, collect: Collect) -> None:
    assert collect(web.page("/", web.pictures(1)), "--fetch-allow", "") == 1
    assert web.asked == []


# The command


@pytest.mark.parametrize(
    "flags", [("--rate", "0"), ("--rate", "nan"), ("--rate", "x"), ("--max", "0"), ("--min-side", "-1")]
)
def test_a_wrong_flag_is_wrong_usage(collect: Collect, flags: tuple[str, str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        collect("http://example.org/", *flags)


def test_nothing_to_do_is_wrong_usage(collect: Collect) -> None:
    with pytest.raises(UsageError, match="name a page"):
        collect()


@pytest.mark.parametrize("page", ["foo", "ftp://example.org/", "//example.org"])
def test_what_is_no_address_of_a_page_is_refused_before_anything_is_written(
    collect: Collect, page: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"^pages {page}: must be an address that begins with http://"):
        collect("https://example.org/", page)
    assert not (tmp_path / "out").exists()


def test_fetching_that_is_switched_off_stays_off(collect: Collect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OP_FETCH", "off")
    with pytest.raises(UsageError, match="OP_FETCH=off"):
        collect("http://example.org/")


def test_a_disk_that_is_full_ends_the_run_with_a_word(
    web: PagesSite, collect: Collect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert collect(web.page("/", web.pictures(1))) == 3
    assert "not finished: No space left on device. What is done is kept" in capsys.readouterr().err


def test_quiet_says_nothing(web: PagesSite, collect: Collect, capsys: pytest.CaptureFixture[str]) -> None:
    assert collect(web.page("/", web.pictures(1)), "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_the_command_is_known_without_its_libraries() -> None:
    heavy = {"lxml", "protego", "imagehash", "ada_url", "w3lib", "PIL", "requests"}
    code = f"import visop.cli.collect, sys; print(*sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "TIFF"])
def test_a_picture_of_every_format_that_is_decoded_is_kept(
    web: PagesSite, collect: Collect, tmp_path: Path, kind: str
) -> None:
    web.paths["/a"] = sends(picture(1, kind=kind), f"image/{kind.lower()}")
    srcset = f"<picture><source type=image/{kind.lower()} srcset=/a><img src=/gone.png></picture>"
    assert collect(web.page("/", srcset)) == 0
    (file,) = saved(tmp_path / "out")
    assert file.endswith({"AVIF": ".avif", "WEBP": ".webp", "TIFF": ".tif"}[kind])

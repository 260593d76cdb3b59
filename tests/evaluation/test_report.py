from __future__ import annotations

import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.evaluation.conftest import Thumbnails, job_of, picture
from visop.evaluation.evaluate import Gallery, Job, Outcome, evaluate
from visop.evaluation.hashes import HashEncoder
from visop.evaluation.report import heat, percent, write_report

Evaluated = tuple[Job, Gallery, list[Outcome]]

VOID = {"meta", "img", "line", "path", "rect", "br"}


class Balance(HTMLParser):
    """Holds every element to its end tag."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(evaluated: Evaluated, tmp_path: Path) -> str:
    write_report(tmp_path / "report.html", *evaluated)
    return (tmp_path / "report.html").read_text("utf-8")


def test_the_page_is_whole_and_needs_nothing_from_outside(evaluated: Evaluated, tmp_path: Path) -> None:
    page = page_of(evaluated, tmp_path)
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    assert balance.sources
    assert all(source.startswith("data:image/webp;base64,") for source in balance.sources)
    assert "default-src 'none'; img-src data:" in page
    assert not re.search(r"https?://|<script|@import|url\(", page)


def test_the_page_has_the_numbers_and_the_pictures_of_failures(evaluated: Evaluated, tmp_path: Path) -> None:
    page = page_of(evaluated, tmp_path)
    recall = evaluated[2][0].rankings["mirror"].recall_at(1)
    assert percent(recall) in page
    assert "left and right swapped" in page
    assert "too few" in page  # pairs for the smaller rates
    assert page.count("<strong>copy</strong>") == 4  # two each of mirror and crop-25


def test_the_summary_has_what_is_found_across_groups_where_they_were_told(folder: Path, tmp_path: Path) -> None:
    job = job_of(folder, group=lambda path: str(int(Path(path).stem) // 10))
    evaluated = (job, *evaluate(job, [Thumbnails()], on_done=lambda: None))
    assert "Across groups" in page_of(evaluated, tmp_path)


def test_the_summary_has_nothing_across_groups_where_there_are_none(evaluated: Evaluated, tmp_path: Path) -> None:
    assert "cross groups" not in page_of(evaluated, tmp_path).lower()


def test_what_a_folder_is_called_is_text_and_not_html(folder: Path, tmp_path: Path) -> None:
    (folder / "00.png").rename(folder / "<b onload=x>&.png")
    (folder / "<i>.png").write_bytes(b"x")
    job = job_of(folder, data="<u>mine</u>")
    page = page_of((job, *evaluate(job, [Thumbnails()], on_done=lambda: None)), tmp_path)
    assert "&lt;u&gt;mine" in page
    assert "&lt;i&gt;.png" in page
    assert not re.search(r"<(u>|i>|b onload)", page)


def test_an_encoder_that_never_fails_gets_a_page_that_says_so(folder: Path, tmp_path: Path) -> None:
    job = job_of(folder, ["jpeg-20"])
    evaluated = (job, *evaluate(job, [Thumbnails(), HashEncoder("phash")], on_done=lambda: None))
    assert page_of(evaluated, tmp_path).count("none, every copy found its original first") == 2


def test_duplicates_are_named_on_the_page(folder: Path, tmp_path: Path) -> None:
    picture(7).save(folder / "again.bmp")
    job = job_of(folder)
    page = page_of((job, *evaluate(job, [Thumbnails()], on_done=lambda: None)), tmp_path)
    assert "1 file shows the same pixels" in page
    assert "again.bmp" in page


@pytest.mark.parametrize("pictures", [2, 3, 12], ids="{} pictures".format)
def test_a_few_pictures_get_a_page_too(pictures: int, folder: Path, tmp_path: Path) -> None:
    job = job_of(folder, ["mirror"])
    job = replace(job, paths=job.paths[:pictures])
    page = page_of((job, *evaluate(job, [Thumbnails()], on_done=lambda: None)), tmp_path)
    assert ("Too few pictures to draw this" in page) == (pictures <= 5)  # ten pairs support a rate of 1
    assert not re.search(r"[MLd\"=,](inf|nan)\b", page)


def test_pictures_that_are_all_of_one_group_get_a_page_too(folder: Path, tmp_path: Path) -> None:
    job = job_of(folder, group=lambda path: "the same")
    page = page_of((job, *evaluate(job, [Thumbnails()], on_done=lambda: None)), tmp_path)
    assert "Too few pictures to draw this" in page
    assert not re.search(r"[MLd\"=,](inf|nan)\b", page)


def test_a_picture_that_went_away_meanwhile_is_shown_as_missing(folder: Path, tmp_path: Path) -> None:
    job = job_of(folder)
    evaluated = (job, *evaluate(job, [Thumbnails()], on_done=lambda: None))
    for path in folder.iterdir():
        path.unlink()
    page = page_of(evaluated, tmp_path)
    assert page.count("<strong>copy</strong>") == 4
    assert "data:image/webp;base64," in page


def test_names_that_are_not_utf_8_are_written_as_far_as_they_go(folder: Path, tmp_path: Path) -> None:
    name = os.fsencode(folder) + b"/caf\xe9.png"
    os.rename(folder / "00.png", name)
    picture(0).save(folder / "zzz.bmp")  # the same pixels, so that both names stand in the report
    job = job_of(folder)
    page = page_of((job, *evaluate(job, [Thumbnails()], on_done=lambda: None)), tmp_path)
    assert "caf?.png" in page


@pytest.mark.parametrize(("share", "text"), [(1, "100"), (0, "0"), (0.99996, "99.9"), (1e-5, "0.1"), (0.5, "50.0")])
def test_only_all_is_a_hundred_percent(share: float, text: str) -> None:
    assert percent(share) == f"{text}\xa0%"


def test_shades_rise_with_the_share() -> None:
    assert [heat(share) for share in (0, 0.3, 0.6, 0.75, 0.85, 0.92, 0.96, 0.985, 0.995, 1)] == list(range(10))

"""The page of groups as a file. What it does in a browser is in tests/web/test_groups_browser.py."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import picture_file
from visop.errors import UsageError
from visop.images.thumbnail import as_file
from visop.search.duplicates import Group
from visop.search.schema import Picture
from visop.search.show import groups_page
from visop.search.show.bundle import bundled_script, content_hash
from visop.search.show.groups_page import group_facts, write_groups
from visop.settings import Settings


def picture(*names: Path | str, content: bytes = b"") -> Picture:
    id_ = hashlib.sha256(content).hexdigest()
    return Picture(id_, tuple(map(str, names)), 16, 12, len(content), 1_600_000_000, 1)


def group(*pictures: Picture) -> Group:
    return Group(pictures, 0.99, 0.95, (0.9,) * len(pictures), "the most pixels")


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    facts: dict[str, Any] = json.loads(found[1])
    return facts


def test_the_page_stands_alone_and_runs_nothing_but_its_own_script(tmp_path: Path, settings: Settings) -> None:
    content = picture_file((9, 9, 9))
    (tmp_path / "a.png").write_bytes(content)
    evil = "/</script><script>alert(1)</script>.png"
    shown = group(picture(tmp_path / "a.png", content=content), picture(evil, content=b"gone"))
    write_groups(tmp_path / "page.html", "photos", [shown, shown], "0.1 false pairs <are> expected", settings)
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "2 groups of copies: 0.1 false pairs &lt;are&gt; expected." in page
    assert evil not in page
    told = data_of(page)["groups"]
    assert [each["pictures"][1]["names"] for each in told] == [[evil], [evil]]
    assert [bool(each["image"]) for each in told[0]["pictures"]] == [True, False]
    assert content_hash(bundled_script("groups_file.js")).replace("'", "&#39;") in page
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["#groups"]


def test_names_that_lead_to_one_file_are_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "a.png").write_bytes(b"a")
    names: list[Path | str] = [tmp_path / "a.png", tmp_path / "link" / "a.png", "https://example.org/a.png"]
    facts = group_facts(group(picture(*names, content=b"a"), picture(tmp_path / "b.png")))
    assert [each["names"] for each in facts["pictures"]] == [[str(names[0]), names[2]], [str(tmp_path / "b.png")]]


def test_small_pictures_share_what_there_is(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (192, 192, 3), np.uint8)
    (tmp_path / "a.png").write_bytes(as_file(noise))
    content = (tmp_path / "a.png").read_bytes()
    one = group(picture(tmp_path / "a.png", content=content), picture("/gone.png"))
    sizes = []
    for most in (1_900_000, 0):
        monkeypatch.setattr(groups_page, "_MOST_BYTES", most)
        write_groups(tmp_path / "page.html", "photos", [one], "", replace(settings, max_image_bytes=10**6))
        sizes.append(len(data_of((tmp_path / "page.html").read_text())["groups"][0]["pictures"][0]["image"]))
    assert sizes[0] > 2 * sizes[1] > 0


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(UsageError, match=r"^html .*none/page.html: No such file"):
        write_groups(tmp_path / "none" / "page.html", "photos", [], "", settings)

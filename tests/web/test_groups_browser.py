"""The page of groups in a real Chromium, and the scripts that it writes in real shells."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.conftest import picture_file
from tests.search.conftest import colour_of, write_pictures
from tests.web.conftest import Site
from visop.search.duplicates import Group
from visop.search.schema import Picture
from visop.search.show.groups_page import write_groups
from visop.settings import Settings
from visop.sources import stored_name

pytestmark = pytest.mark.slow

ODD = [
    "it's.png",
    "new\nline.png",
    "ends in newline.png\n",
    "-rf.png",
    '$(touch x) `y` "z" \\ %41 #?.png',
    "\u2019smart\u2018.png",
    "<img src=x onerror=alert(1)>.png",
    "caf\u00e9 \u65e5\u672c.png",
    "it's.png",
]


def picture(path: Path, content: bytes) -> Picture:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    name = stored_name(str(path))
    return Picture(hashlib.sha256(content).hexdigest(), (name,), 16, 12, len(content), 1_600_000_000, 1)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three groups: of odd names, of two, and with a name that is no text."""
    return tmp_path / "photos"


@pytest.fixture
def page(browser: Browser, photos: Path, tmp_path: Path) -> Iterator[Page]:
    contents = (picture_file(colour_of(number)) for number in range(20))
    odd = [picture(photos / str(at) / name, next(contents)) for at, name in enumerate(ODD)]
    first = picture(photos / "keep.png", next(contents))
    two = [picture(photos / name, next(contents)) for name in ("one.png", "other.png")]
    no_text = [picture(photos / "text.png", next(contents))]
    no_text.append(picture(Path(str(photos) + "/caf\udce9.png"), next(contents)))
    groups = [
        Group((first, *odd), 0.99, 0.98, (0.9,) * 10, "the most pixels"),
        Group(tuple(two), 0.9, 0.9, (0.9, 0.9)),
        Group(tuple(no_text), 0.7, 0.7, (0.9, 0.9)),
    ]
    write_groups(tmp_path / "groups.html", "photos", groups, "a rule", Settings())
    opened = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text))
    opened.on("dialog", lambda dialog: faults.append(dialog.message))
    opened.goto((tmp_path / "groups.html").as_uri())
    yield opened
    opened.context.close()
    assert faults == []


def script_of(page: Page, folder: Path, kind: str = "sh") -> Path:
    page.click("#script")
    page.fill("#folder", str(folder))
    page.check(f"input[value={kind}]")
    with page.expect_download() as download:
        page.click("#script-form [type=submit]")
    page.click("#script-close")
    return Path(download.value.path())


def run_script(shell: str, script: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*shell.split(), str(script), *words], capture_output=True, text=True, timeout=60)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("shell", ["dash", "bash --posix", "busybox sh", "zsh --emulate sh", "mksh"])
def test_the_script_moves_names_of_any_kind_and_back(page: Page, photos: Path, tmp_path: Path, shell: str) -> None:
    if not shutil.which(shell.split()[0]):
        pytest.skip(f"there is no {shell} here")
    before = files_in(photos)
    away = tmp_path / "it's  away"
    script = script_of(page, away)
    asked = run_script(shell, script, "-n")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "10 files would be moved" in asked.stdout
    assert files_in(photos) == before
    done = run_script(shell, script)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(map(str, files_in(photos))) == {"keep.png", "one.png", "text.png", "caf\udce9.png"}
    (undo,) = away.glob("move-back-*.sh")
    assert {path.name for path in away.iterdir()} == {*ODD, "2 it's.png", "other.png", undo.name}
    shutil.rmtree(photos / "3")
    back = run_script(shell, undo)
    assert (back.returncode, back.stderr) == (0, "")
    assert files_in(photos) == before
    assert [path.name for path in away.iterdir()] == [undo.name]


def test_the_script_leaves_what_is_not_as_it_was(page: Page, photos: Path, tmp_path: Path) -> None:
    script = script_of(page, tmp_path / "away")
    (photos / "one.png").unlink()  # so that nothing is kept of its group
    (photos / "0" / ODD[0]).write_bytes(b"changed")
    (photos / "3" / ODD[3]).unlink()
    (photos / "4" / ODD[4]).unlink()
    (photos / "4" / ODD[4]).symlink_to(photos / "keep.png")
    (photos / "5" / ODD[5]).unlink()
    (photos / "5" / ODD[5]).hardlink_to(photos / "keep.png")
    done = run_script("sh", script)
    assert done.returncode == 1
    reasons = sorted(re.findall(r"^left where it is, ([^:]+):", done.stderr, re.MULTILINE))
    assert reasons == [
        "it has changed",
        "it is the very file that is kept",
        "it is the very file that is kept",
        "nothing that is kept of its group is there",
        "there is no such file any more",
    ]
    assert (photos / "keep.png").exists()
    assert (photos / "other.png").exists()


def test_a_file_that_has_the_place_of_a_moved_one_is_not_replaced(page: Page, photos: Path, tmp_path: Path) -> None:
    run_script("sh", script_of(page, tmp_path / "away"))
    (photos / "other.png").write_bytes(b"new")
    (undo,) = (tmp_path / "away").glob("move-back-*.sh")
    assert "left in the folder, something has its place" in run_script("sh", undo).stderr
    assert (photos / "other.png").read_bytes() == b"new"
    assert (tmp_path / "away" / "other.png").exists()


def test_powershell_doubles_every_quote_that_it_knows(page: Page, photos: Path, tmp_path: Path) -> None:
    script = script_of(page, tmp_path / "away", "ps1").read_text("utf-8")
    assert script.startswith("\ufeff# Moves 10 files of 2 groups")
    assert f"Move-Copy '{photos}/0/it''s.png' " in script
    assert f"Move-Copy '{photos}/5/\u2019\u2019smart\u2018\u2018.png' " in script
    if shutil.which("pwsh"):
        path = tmp_path / "script.ps1"
        path.write_text(script, "utf-8")
        done = run_script("pwsh -File", path)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(list((tmp_path / "away").iterdir())) == 11


def test_another_file_is_kept_by_mouse_and_keyboard(page: Page, tmp_path: Path, photos: Path) -> None:
    expect(page.locator("#sum")).to_have_text(re.compile(r"^10 files \(.*\) of 2 groups to move$"))
    group = page.get_by_label("Group 2", exact=True)
    group.get_by_label("Keep only other.png").click()
    expect(group.get_by_label("Keep one.png")).not_to_be_checked()
    assert f"move '{photos}/one.png'" in script_of(page, tmp_path / "away").read_text()
    group.get_by_label("Keep one.png").focus()
    page.keyboard.press("Space")
    expect(page.locator("#sum")).to_have_text(re.compile("of 1 group to move$"))
    group.get_by_label("Keep other.png").uncheck()
    group.get_by_label("Keep one.png").click()  # the last one stays
    expect(group.get_by_label("Keep one.png")).to_be_checked()
    page.get_by_label("Group 1", exact=True).get_by_role("button", name="Keep all").click()
    expect(page.locator("#sum")).to_have_text(re.compile("^1 file .* of 1 group to move$"))
    page.reload()
    expect(page.locator("#sum")).to_have_text(re.compile("^1 file .* of 1 group to move$"))


def test_uncertain_groups_are_filtered_out_of_the_script(page: Page, tmp_path: Path, photos: Path) -> None:
    page.locator("#cosine").fill("0.95")
    expect(page.locator(".group")).to_have_count(1)
    expect(page.locator("#hidden-text")).to_have_text("2 less certain groups left as they are.")
    assert "one.png" not in script_of(page, tmp_path / "away").read_text()
    page.locator("#cosine").fill("0.7")
    page.select_option("#order", "doubtful")
    expect(page.locator("h2").first).to_have_text("Group 3")


def test_a_name_that_is_no_text_stays_with_the_reason(page: Page) -> None:
    group = page.get_by_label("Group 3", exact=True)
    expect(group).to_contain_text("Stays: its name is not valid text (UTF-8), so no script can say it.")
    group.get_by_role("button", name=re.compile("Keep only caf")).click()
    expect(group).to_contain_text("Nothing of this group is moved")


def test_a_click_opens_the_file_whatever_it_is_called(page: Page) -> None:
    for link in page.locator(".group a").all():
        with page.expect_popup() as popup:
            link.click()
        popup.value.wait_for_load_state()
        assert popup.value.locator("img").evaluate("image => image.naturalWidth") == 16
        popup.value.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light")])
def test_the_page_is_accessible_and_fits(page: Page, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#script")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.click("#script-close")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.fixture
def served(browser: Browser, start_site: Callable[..., Site], tmp_path: Path) -> Iterator[tuple[Page, Site]]:
    """The page of a server with one picture under two names, two that are alike, and another."""
    folder = tmp_path / "photos"
    for number in (0, 100, 101, 180):
        write_pictures(folder, 1, first=number)
    shutil.copy2(folder / "0.png", folder / "<b>again.png")
    site = start_site(0, options={"pictures": [str(folder)]})
    opened = browser.new_context(viewport={"width": 360, "height": 740}).new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text))
    opened.goto(str(site.web.base_url))
    yield opened, site
    opened.context.close()
    assert faults == []


def test_the_served_page_looks_for_copies_moves_them_and_moves_them_back(served: tuple[Page, Site]) -> None:
    page, site = served
    page.click("#copies")
    page.get_by_role("button", name="Look for copies").click()
    expect(page.locator("#finding-text")).to_contain_text("2 groups of copies: 0.1 false pairs")
    expect(page.locator(".group img").first).to_have_js_property("complete", True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    expect(page.locator("#sum")).to_have_text(re.compile("^2 files .* of 2 groups to move$"))
    before = files_in(site.folder)
    page.get_by_role("button", name="Move…").click()
    expect(page.locator("#move-more")).to_contain_text(str(site.folder.parent / "moved"))
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator("#moved-text")).to_have_text("Moved 2 of 2 files.")
    expect(page.locator(".group")).to_have_count(0)
    assert len(files_in(site.folder)) == 3
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#moved-text")).to_have_text("Moved 2 files back.")
    expect(page.locator(".group")).to_have_count(2)
    assert files_in(site.folder) == before
    assert site.status()["count"] == 4
    page.click("#script")
    expect(page.locator("#script-about")).to_contain_text("The script moves 2 files of 2 groups")

"""The page of analyses in a real Chromium, against the real service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.analyses.service import Served, serving
from tests.conftest import make_image, make_scene

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

RED, BLUE = (200, 0, 0), (0, 0, 250)
SCENE = make_scene({RED: (100, 50, 200, 100), BLUE: (400, 200, 50, 80)}, (640, 480))
EVIL = "<img src=x onerror=alert(1)>.png"
VIEWS = ("#analyses", "#analysis/1", "#jobs", "#job/1")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One picture that was analysed, under a name that would be HTML, and a job of two, of which one is none."""
    with serving(tmp_path_factory.mktemp("service")) as service:
        service.analyse(EVIL, SCENE)
        files = [("image", ("1.png", make_scene({BLUE: (4, 4, 20, 20)}))), ("image", ("2.png", b"no picture"))]
        service.web.post("/jobs", files=files).raise_for_status()
        yield service


@pytest.fixture(scope="module")
def page(browser: Browser, service: Served) -> Iterator[Page]:
    """The page; it may ask for nothing elsewhere, and no script of it may fail."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce").new_page()
    page.set_default_timeout(10_000)
    failures: list[str] = []
    own = (service.address, "blob:")
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("dialog", lambda dialog: failures.append(dialog.message))
    page.on("console", lambda message: failures.extend(re.findall(".*Content Security.*", message.text)))
    page.on("request", lambda request: failures.extend([request.url] * (not request.url.startswith(own))))
    page.goto(f"{service.address}/page")
    yield page
    page.context.close()
    assert failures == []


def go(page: Page, view: str) -> None:
    page.evaluate("view => { location.hash = view }", view)
    name = re.sub(r"[#/\d?].*", "", view[1:])
    page.wait_for_selector(f"#view-{name}:not([hidden])")


def state_of(page: Page, place: str, state: str) -> None:
    page.wait_for_selector(f"{place} .state-{state}, {place}.state-{state}")


def test_pictures_that_are_uploaded_are_listed_and_those_that_are_refused_are_told(page: Page) -> None:
    go(page, "#analyses")
    files = [("new.png", SCENE), ("other.png", make_image(size=(40, 30))), ("empty.png", b"")]
    payloads = [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files]
    page.set_input_files("#files", payloads)  # type: ignore[arg-type]
    page.wait_for_selector("#upload-dismiss:not([hidden])")
    assert page.locator("#uploading-text").inner_text() == "2 of 3 pictures uploaded, 1 not taken."
    assert page.locator("#upload-failures li").all_inner_texts() == [
        "empty.png: The file cannot be read: it is empty, a folder, or has changed since it was chosen."
    ]
    page.locator("#upload-dismiss").click()
    entry = page.locator("#rows .entry", has_text="new.png")
    entry.locator(".state-done").wait_for()
    assert "200-0-0" in entry.locator(".told").inner_text()


def test_a_list_is_filtered_by_its_form_and_its_address_says_how(page: Page) -> None:
    go(page, "#analyses")
    page.select_option("#filter-state", "failed")
    page.wait_for_url(lambda url: url.endswith("#analyses?state=failed"))
    page.locator("#rows .state-done").first.wait_for(state="detached")
    page.locator("#rows .state-failed").first.wait_for()
    assert page.locator("#rows .name").all_inner_texts() == ["2.png"]
    assert page.locator("#rows .error").inner_text().startswith("Not an image")
    page.fill("#filter-label", "no such label")
    page.wait_for_selector("#analyses-empty:not([hidden])")
    page.locator("#filter-clear").click()
    page.wait_for_url(lambda url: url.endswith("#analyses"))


def test_the_keyboard_opens_a_record_whose_boxes_are_where_they_were_found(page: Page) -> None:
    go(page, "#analyses")
    page.locator("#rows .entry", has_text=EVIL).locator("a").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".part")
    assert page.evaluate("document.activeElement.id") == "analysis-heading"
    assert page.locator("#analysis-heading").inner_text() == EVIL
    box = page.locator(".box").first
    assert [box.get_attribute(name) for name in ("x", "y", "width", "height")] == ["100", "50", "200", "100"]
    assert page.locator("#boxes").get_attribute("viewBox") == "0 0 640 480"
    page.locator("#list button").first.focus()
    assert page.locator(".part.lit text").all_text_contents() == ["200-0-0 0.07"]
    assert "2 parts found" in page.locator("#results").inner_text()


def test_a_job_tells_what_failed_and_leads_to_it(page: Page) -> None:
    go(page, "#jobs")
    page.locator("#job-rows .open").first.click()
    state_of(page, "#job-state", "done")
    assert page.locator("#job-text").inner_text() == "2 pictures, 1 failed"
    page.locator("#job-errors-list .open").first.click()
    state_of(page, "#analysis-state", "failed")
    assert page.locator("#analysis-error").inner_text().startswith("Not an image")


def test_deletion_asks_first_and_nothing_is_deleted_by_escape(page: Page, service: Served) -> None:
    id_ = service.analyse("gone.png", SCENE)
    go(page, f"#analysis/{id_}")
    state_of(page, "#analysis-state", "done")
    delete = page.get_by_role("button", name="Delete…")
    delete.click()
    page.keyboard.press("Escape")
    assert service.web.get(f"/analyses/{id_}").status_code == 200
    delete.click()
    page.locator("#confirm-yes").click()
    page.wait_for_selector("#view-analyses:not([hidden])")
    assert page.locator("#said").text_content() == "gone.png was deleted."
    assert service.web.get(f"/analyses/{id_}").status_code == httpx.codes.NOT_FOUND


def test_what_is_not_there_is_said_in_words(page: Page) -> None:
    go(page, "#analysis/987654")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.get_by_role("alert").inner_text().startswith("There is no analysis 987654.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_accessibility_is_broken_and_nothing_is_wider_than_a_phone(page: Page, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 390, "height": 844})
    for view in VIEWS:
        go(page, view)
        page.wait_for_selector("main .state:visible")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, view
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

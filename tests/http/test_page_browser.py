"""The page of a processor in a real Chromium, against the real server."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image

from tests.conftest import Running, make_image, make_scene
from tests.http.conftest import both_protocols
from tests.toys import RAISES, ToyProcessor
from visop.detection import Unplaced

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

RED, BLUE = (200, 0, 0), (0, 0, 250)
BOXES = {RED: (100, 50, 200, 100), BLUE: (400, 200, 50, 80)}
SCENE = make_scene(BOXES, (640, 480))
PHONE = {"width": 360, "height": 740}

_DROP = """([name, data]) => {
  const given = new DataTransfer();
  given.items.add(new File([Uint8Array.from(atob(data), (each) => each.charCodeAt(0))], name));
  const target = document.querySelector("#drop");
  for (const each of ["dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(each, { dataTransfer: given, bubbles: true, cancelable: true }));
  }
}"""
# Where a box is on the screen, as a share of the picture.
_SHARES = """() => [...document.querySelectorAll(".part:not([hidden]) .box")].map((box) => {
  const [at, all] = [box, document.querySelector("#picture")].map((each) => each.getBoundingClientRect());
  const across = [at.x - all.x, at.width].map((side) => side / all.width);
  const down = [at.y - all.y, at.height].map((side) => side / all.height);
  return [across[0], down[0], across[1], down[1]];
})"""


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Running, httpx.Client]]:
    with both_protocols(ToyProcessor(), max_image_bytes=1_000_000) as found:
        yield found


@pytest.fixture
def open_page(browser: Browser, served: tuple[Running, httpx.Client]) -> Iterator[Callable[..., Page]]:
    """Open the page; it may ask for nothing elsewhere, and no script of it may fail."""
    pages: list[Page] = []
    faults: list[str] = []
    own = str(served[1].base_url)

    def open_it(**options: Any) -> Page:
        page = browser.new_context(**{"viewport": {"width": 1280, "height": 860}} | options).new_page()
        pages.append(page)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.extend(re.findall(".*Content Security.*", message.text)))
        page.on("request", lambda request: faults.extend([request.url] * (not request.url.startswith((own, "blob:")))))
        page.goto(own)
        return page

    yield open_it
    for page in pages:
        page.context.close()
    assert faults == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


def choose(page: Page, data: bytes = SCENE, name: str = "scene.png") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": data})
    page.wait_for_selector("#found:not([hidden]), #problem:not([hidden])")


def saved(data: bytes, kind: str, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).save(buffer, kind, exif=exif, lossless=True)
    return buffer.getvalue()


def assert_drawn(page: Page, *boxes: tuple[int, int, int, int], size: tuple[int, int] = (640, 480)) -> None:
    """Assert that there are these boxes over a picture of this size, on the screen."""
    expected = [side / all_of_it for box in boxes for side, all_of_it in zip(box, (*size, *size), strict=True)]
    drawn = [share for box in page.evaluate(_SHARES) for share in box]
    assert drawn == pytest.approx(expected, abs=0.01)


def shown(page: Page) -> list[str]:
    return [" ".join(text.split()) for text in page.locator("#list li:visible").all_inner_texts()]


def test_a_picture_that_is_chosen_has_its_boxes_drawn_and_listed(page: Page) -> None:
    choose(page)
    assert shown(page) == ["200-0-0 0.065 200 × 100 at 100, 50", "0-0-250 0.013 50 × 80 at 400, 200"]
    assert_drawn(page, *BOXES.values())
    assert page.locator(".part text").all_text_contents() == ["200-0-0 0.07", "0-0-250 0.01"]
    assert page.locator("#count").inner_text() == "2 found"
    assert page.locator("#operator").inner_text() == "colours"


def test_a_picture_that_is_dropped_is_looked_at_too(page: Page) -> None:
    page.evaluate(_DROP, ["dropped.png", base64.b64encode(SCENE).decode()])
    page.wait_for_selector("#list button")
    assert len(shown(page)) == 2


def test_boxes_are_where_they_are_seen_in_a_picture_that_is_turned(page: Page) -> None:
    """A lossless format, for the toy finds each colour; a JPEG is turned by the browser in the same way."""
    choose(page, saved(SCENE, "PNG", 6))
    assert page.evaluate("document.querySelector('#picture').naturalWidth") == 480
    assert_drawn(page, (330, 100, 100, 200), (200, 400, 80, 50), size=(480, 640))


def test_the_keyboard_lights_boxes_up_and_keeps_one_lit(page: Page) -> None:
    choose(page)
    page.locator("#least").focus()
    page.keyboard.press("Tab")
    lit = page.locator(".part.lit text")
    assert lit.all_text_contents() == ["200-0-0 0.07"]
    page.keyboard.press("Tab")
    assert lit.all_text_contents() == ["0-0-250 0.01"]
    page.keyboard.press("Enter")
    page.locator("#least").focus()
    assert lit.all_text_contents() == ["0-0-250 0.01"]
    assert page.locator("#list button").nth(1).get_attribute("aria-pressed") == "true"


def test_a_box_that_is_pointed_at_is_lit_and_a_click_marks_it_in_the_list(page: Page) -> None:
    choose(page)
    page.locator("#list button").first.hover()
    assert page.locator(".part.lit").count() == 1
    page.locator(".part .box").nth(1).click(position={"x": 4, "y": 4})
    assert page.locator("#list button").nth(1).get_attribute("aria-pressed") == "true"


def test_what_is_below_the_threshold_is_not_shown(page: Page) -> None:
    choose(page)
    page.locator("#least").fill("0.05")
    assert page.locator("#count").inner_text() == "1 of 2 shown"
    assert len(shown(page)) == len(page.evaluate(_SHARES)) == 1
    assert page.locator("#least-told").inner_text() == "0.05"


def test_nothing_found_and_a_single_pixel_are_said_in_words(page: Page) -> None:
    choose(page, make_image(size=(1, 1)))
    assert page.locator("#count").inner_text() == "Nothing was found in this picture."
    assert page.locator("#threshold").is_hidden()


@pytest.mark.parametrize(("kind", "orientation", "width"), [("TIFF", 1, 640), ("WEBP", 6, 480)], ids=["TIFF", "WebP"])
def test_a_picture_that_browsers_do_not_show_as_it_is_is_drawn_by_the_server(
    page: Page, kind: str, orientation: int, width: int
) -> None:
    choose(page, saved(SCENE, kind, orientation))
    assert "server drew the boxes" in page.locator("#said").inner_text()
    assert page.evaluate("document.querySelector('#picture').naturalWidth") == width
    assert (len(shown(page)), page.locator(".part").count()) == (2, 0)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"no picture", "Not an image"),
        (make_image(RAISES), "The model failed on this input."),
        (b"x" * 1_500_000, "The file has 1.5 MB. The limit is 1.0 MB."),
    ],
    ids=["no picture", "model", "too large"],
)
def test_what_goes_wrong_is_told_in_words_and_the_next_picture_is_looked_at(page: Page, data: bytes, told: str) -> None:
    page.locator("#operator:not(:empty)").wait_for()  # it knows the limit, too
    choose(page, data)
    assert page.get_by_role("alert").inner_text().startswith(told)
    choose(page)
    page.wait_for_selector("#list button")
    assert page.locator("#problem").is_hidden()


def test_a_label_is_text_whatever_it_says(page: Page, served: tuple[Running, httpx.Client]) -> None:
    from visop.detection import Detection

    served[0].operator.answer = [Detection((1, 2, 3, 4), "<img src=x onerror=alert(1)>", 7.5)]
    try:
        choose(page)
    finally:
        served[0].operator.answer = None
    assert shown(page) == ["<img src=x onerror=alert(1)> 7.500 3 × 4 at 1, 2"]


def test_on_a_phone_nothing_is_wider_than_the_screen(open_page: Callable[..., Page]) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    choose(page)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert_drawn(page, *BOXES.values())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_accessibility_is_broken(open_page: Callable[..., Page], scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(color_scheme=scheme, reduced_motion="reduce")
    choose(page)
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_what_has_no_place_is_listed_and_not_drawn(page: Page, served: tuple[Running, httpx.Client]) -> None:
    served[0].operator.answer = [Unplaced((0.0, 0.0, 640.0, 480.0), "cat")]
    try:
        choose(page)
    finally:
        served[0].operator.answer = None
    assert page.locator("#list .place").all_inner_texts() == ["place unknown"]
    assert page.locator(".part").count() == 0

"""The page in a real Chromium, against the real server."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image as PILImage
from PIL import ImageOps
from playwright.sync_api import Browser, FilePayload, Locator, Page, Route, ViewportSize, expect

from tests.conftest import make_image, picture_file, wait_until
from tests.search.conftest import colour_of
from tests.web.conftest import Site, open_test_site
from visop.synthetic.generate import generate_picture

pytestmark = pytest.mark.slow

DESKTOP: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 360, "height": 740}
FOUND = re.compile("cop(y|ies).* found$")
EVIL = "<img src=x onerror=alert(1)>.png"

# Gives files, or a text, to the page as a person's drop or paste does.
_GIVE = """([files, text, kind]) => {
  const given = new DataTransfer();
  for (const [name, data] of files) {
    const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
    given.items.add(new File([bytes], name, { type: "image/png" }));
  }
  if (text) given.setData("text/plain", text);
  const target = document.querySelector("#drop");
  if (kind === "paste") {
    target.dispatchEvent(new ClipboardEvent("paste", { clipboardData: given, bubbles: true }));
    return;
  }
  for (const each of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(each, { dataTransfer: given, bubbles: true, cancelable: true }));
  }
}"""


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open the page of a site; it may ask for nothing elsewhere, and no script of it may fail."""
    pages: list[Page] = []
    faults: list[str] = []

    def open_it(site: Site, viewport: ViewportSize = DESKTOP, **options: Any) -> Page:
        page = browser.new_context(viewport=viewport, **options).new_page()
        pages.append(page)
        page.set_default_timeout(20_000)
        own = str(site.web.base_url)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.on("console", lambda message: faults.extend(re.findall(".*Content Security.*", message.text)))
        page.on("request", lambda request: faults.extend([request.url] * (not request.url.startswith((own, "blob:")))))
        page.goto(own)
        return page

    yield open_it
    for page in pages:
        page.unroute_all(behavior="ignoreErrors")  # a page asks for news at any time, also while it is closed
        page.context.close()
    assert faults == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Ten pictures, one of them with a name that would be HTML."""
    home = tmp_path_factory.mktemp("browser")
    (home / "photos").mkdir()
    (home / "photos" / EVIL).write_bytes(make_image((90, 1, 1)))
    with open_test_site(home, 9) as site:
        yield site


@pytest.fixture
def page(open_page: Callable[..., Page], shared: Site) -> Page:
    page = open_page(shared)
    expect(page.locator(".card")).to_have_count(10)
    return page


def give(page: Page, kind: str, *numbers: int, text: str = "") -> None:
    files = [[f"given-{number}.png", base64.b64encode(picture_file(colour_of(number))).decode()] for number in numbers]
    page.evaluate(_GIVE, [files, text, kind])


def choose(page: Page, number: int) -> None:
    page.set_input_files("#file", png(f"chosen-{number}.png", picture_file(colour_of(number))))


def png(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def find(page: Page, number: int) -> None:
    """Choose a picture, and wait for what is like it."""
    choose(page, number)
    expect(page.locator("#heading")).to_have_text(FOUND)


def first_names(page: Page, count: int = 1) -> list[str]:
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    return page.locator(".card .name").all_inner_texts()[:count]


def test_a_first_visit_shows_pictures_to_start_from(page: Page) -> None:
    expect(page.locator("#count")).to_have_text("10 pictures")
    expect(page.get_by_role("heading", name="Or start with one of these")).to_be_visible()
    decoded = "all => Promise.all(all.slice(0, 4).map(each => each.decode().then(() => each.naturalWidth)))"
    assert page.locator(".card img").evaluate_all(decoded) == [16, 16, 16, 16]


@pytest.mark.parametrize("way", ["choose", "drop", "paste"])
def test_a_picture_that_is_given_finds_the_nearest(page: Page, way: str) -> None:
    choose(page, 4) if way == "choose" else give(page, way, 4)
    expect(page.locator("#heading")).to_have_text(FOUND)
    assert first_names(page) == ["4.png"]
    card = page.locator(".card").first
    expect(card.locator(".copy")).to_be_visible()
    expect(card.locator(".number")).to_have_text("distance 0.000")
    expect(page.locator("#said")).to_contain_text("The best match has distance 0.000")
    expect(page.locator("#heading")).to_be_focused()
    assert page.locator("#shown img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 16


def test_of_a_picture_with_nearly_nothing_on_it_no_copies_are_told(page: Page) -> None:
    page.set_input_files("#file", png("plain.png", make_image(colour_of(4))))
    expect(page.locator("#note")).to_contain_text("There is nearly nothing on your picture: nothing to compare")
    assert first_names(page) == ["4.png"]
    expect(page.locator(".card .copy:visible")).to_have_count(0)
    page.locator(".card .open").first.click()
    expect(page.locator("#viewer-facts")).to_contain_text("none: there is nearly nothing on it, or on your picture")


def test_an_address_finds_the_nearest_and_a_wrong_one_is_told_in_words(page: Page, picture_server: str) -> None:
    page.get_by_label("or enter its web address").fill("{}/{}-{}-{}.png".format(picture_server, *colour_of(6)))
    page.keyboard.press("Enter")
    expect(page.locator("#heading")).to_have_text(FOUND)
    assert first_names(page) == ["6.png"]
    for address, words in {
        f"{picture_server}/none.png": "The remote server answered",
        f"{picture_server}/page": "The remote server answered, but: not an image",
        "http://10.0.0.1/x.png": "not public",
        "no address": "It should look like https://example.org/cat.jpg",
        "": "Choose a picture",
    }.items():
        page.locator("#url").fill(address)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text(words)
        page.keyboard.press("Escape")
        expect(page.get_by_role("alert")).to_be_hidden()
    assert first_names(page) == ["6.png"]  # what was found before is still there


def test_a_file_that_is_no_picture_or_too_large_is_told_in_words(page: Page) -> None:
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"hello"})
    expect(page.get_by_role("alert")).to_contain_text("Not an image")
    page.set_input_files("#file", {"name": "big.png", "mimeType": "image/png", "buffer": b"x" * 200_000})
    expect(page.get_by_role("alert")).to_contain_text("The file is 200 kB; the limit is 100 kB.")


def test_what_cannot_be_sent_is_told_in_words(page: Page, tmp_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.extend([request.url] * (request.method == "POST")))
    drop_chosen = """input => {
      const given = new DataTransfer();
      given.items.add(input.files[0]);
      dispatchEvent(new DragEvent("drop", { dataTransfer: given }));
    }"""
    folder = tmp_path / "folder"
    folder.touch()  # Playwright chooses no folders
    page.evaluate("document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'own' }))")
    page.set_input_files("#own", folder)
    folder.unlink()
    folder.mkdir()
    page.locator("#own").evaluate(drop_chosen)
    expect(page.get_by_role("alert")).to_contain_text("The file cannot be read")
    page.keyboard.press("Escape")
    give(page, "paste", text="my-secret-password")
    expect(page.get_by_role("alert")).to_contain_text("That is not the address of a picture")
    assert asked == []


def test_of_several_files_the_first_is_searched_with_and_this_is_told(page: Page) -> None:
    give(page, "drop", 4, 1, 2)
    expect(page.locator("#shown-name")).to_have_text("given-4.png")
    expect(page.locator("#note")).to_contain_text(
        "Searched with the first of 3 files. The same picture, possibly edited."
    )
    expect(page.locator("#said")).to_contain_text("Searched with the first of 3 files. ")


def test_an_answer_that_is_not_the_servers_is_told_in_words(page: Page) -> None:
    for body, code in (("", 502), ("<p>Log in", 200)):
        page.evaluate("([...answer]) => fetch = async () => new Response(...answer)", [body, {"status": code}])
        choose(page, 1)
        words = f"The server answered {code} with something this page cannot read."
        expect(page.get_by_role("alert")).to_contain_text(words)
        page.keyboard.press("Escape")


def test_a_path_is_named_as_it_is_and_an_address_without_its_query(page: Page) -> None:
    names = {
        "/C# trips/cat.jpg": "cat.jpg",
        "/holiday #3.jpg": "holiday #3.jpg",
        "/what? really.png": "what? really.png",
        "/100%25.jpg": "100%25.jpg",
        "https://example.org/my%20cat.jpg?at=/1#/2": "my cat.jpg",
    }

    def renamed(route: Route) -> None:
        pictures = route.fetch().json()["pictures"]
        named = [picture | {"names": [name]} for picture, name in zip(pictures, names, strict=False)]
        route.fulfill(json={"pictures": named})

    page.route("**/v1/pictures?*", renamed)
    page.reload()
    expect(page.locator(".card .name")).to_have_text(list(names.values()))


def test_a_result_is_searched_with_and_back_leads_back(page: Page) -> None:
    choose(page, 4)
    expect(page.locator("#shown-name")).to_have_text("chosen-4.png")
    page.get_by_role("button", name="More like 7.png").click()
    expect(page.locator("#shown-name")).to_have_text("7.png")
    assert "7.png" not in first_names(page, 10)  # not the picture itself
    page.go_back()
    expect(page.locator("#shown-name")).to_have_text("chosen-4.png")
    assert first_names(page) == ["4.png"]
    page.go_forward()
    expect(page.locator("#shown-name")).to_have_text("7.png")
    address = page.url
    page.goto("about:blank")
    page.goto(address)  # a search from the index can be kept as a link
    expect(page.locator("#heading")).to_have_text(FOUND)


def test_the_way_back_goes_through_a_reload_and_past_the_skip_link(page: Page) -> None:
    def expect_like(name: str) -> None:
        expect(page).to_have_title(f"{name} – search by picture")
        expect(page.locator("#shown-name")).to_have_text(name)
        assert name not in first_names(page, 10)

    for name in ("3.png", "7.png"):
        page.get_by_role("button", name=f"More like {name}").click()
        expect_like(name)
    page.reload()
    expect_like("7.png")
    page.go_back()
    expect_like("3.png")
    page.get_by_role("link", name="Skip to the pictures").press("Enter")
    expect(page.locator("#results")).to_be_focused()
    expect_like("3.png")
    page.go_forward()
    expect_like("7.png")
    page.evaluate("location.hash = `#id=${'0'.repeat(64)}`")
    expect(page.get_by_role("alert")).to_contain_text("No picture 000000000000... in the index")
    expect(page.locator("#heading")).to_have_text("Or start with one of these")
    page.go_back()
    expect_like("7.png")
    page.go_forward()
    expect(page.get_by_role("alert")).to_contain_text("No picture 000000000000... in the index")


def test_one_is_opened_with_the_keyboard_and_closed_with_escape(page: Page) -> None:
    find(page, 4)
    page.get_by_role("button", name="Open 4.png").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("4.png")
    expect(dialog.locator("dl")).to_contain_text("16 × 12 pixels")
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading")).not_to_have_text("4.png")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Open 4.png")).to_be_focused()


def test_the_viewer_shows_no_picture_under_the_name_of_another(page: Page) -> None:
    held: list[Route] = []
    names = page.locator(".card .name").all_inner_texts()
    page.locator(".open").first.click()
    dialog = page.get_by_role("dialog")
    loaded = "image => image.decode().then(() => image.naturalWidth)"
    assert dialog.get_by_role("img").evaluate(loaded) == 16

    def hold(route: Route) -> None:
        route.fulfill(status=404) if route.request.method == "HEAD" else held.append(route)

    page.route("**/thumbnail?side=1280", hold)
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading")).to_have_text(names[1])
    width = dialog.get_by_role("img", name=names[1]).evaluate("image => image.naturalWidth")
    assert width == 0 or not held  # a browser that has the right picture at hand asks for nothing
    for route in held:
        route.continue_()
    assert dialog.get_by_role("img").evaluate(loaded) == 16
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading")).to_have_text(names[2])
    held[1].fulfill(status=404)
    expect(dialog).to_contain_text("No preview: the file may have been moved, deleted or changed.")
    expect(dialog.get_by_role("link", name="Open the file")).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_role("link", name="Open the file")).to_be_visible()


def test_a_preview_that_was_too_much_at_once_comes_when_there_is_room(page: Page) -> None:
    refused: list[str] = []

    def refuse(route: Route) -> None:
        if len(refused) == 3:
            route.continue_()
        else:
            refused.append(route.request.method)
            route.fulfill(status=429, headers={"Retry-After": "1"})

    page.route("**/thumbnail?side=1280", refuse)
    page.locator(".open").first.click()
    picture = page.get_by_role("dialog").get_by_role("img")
    expect(picture).to_have_js_property("naturalWidth", 16)
    assert refused == ["GET", "HEAD", "GET"]


def test_the_keys_turn_the_pictures_wherever_the_focus_is(page: Page) -> None:
    names = page.locator(".card .name").all_inner_texts()
    page.locator(".open").nth(8).click()
    dialog = page.get_by_role("dialog")
    heading, after = dialog.get_by_role("heading"), dialog.get_by_role("button", name="Next picture")
    expect(heading).to_have_attribute("aria-live", "polite")
    after.press("Enter")
    expect(heading).to_have_text(names[9])
    expect(after).to_be_disabled()
    expect(after).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(heading).to_have_text(names[8])
    dialog.get_by_role("img").click()
    page.keyboard.press("ArrowLeft")
    expect(heading).to_have_text(names[7])


def test_a_picture_that_the_browser_cannot_show_is_searched_with(page: Page) -> None:
    buffer = io.BytesIO()
    PILImage.new("RGB", (16, 12), colour_of(4)).save(buffer, "TIFF")
    page.set_input_files("#file", {"name": "a.tiff", "mimeType": "image/tiff", "buffer": buffer.getvalue()})
    expect(page.locator("#shown")).to_contain_text("No preview in this browser.")
    assert first_names(page) == ["4.png"]
    find(page, 5)
    expect(page.locator("#shown")).not_to_contain_text("No preview")


def test_two_are_compared_side_by_side(page: Page) -> None:
    page.get_by_label("Compare 1.png").check()
    expect(page.locator("#compare")).to_be_disabled()
    page.get_by_label("Compare 8.png").check()
    page.locator("#compare").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("img")).to_have_count(2)
    expect(dialog.get_by_role("status")).to_contain_text("not similar enough to count as copies")
    expect(dialog.get_by_role("img", name="1.png")).to_be_visible()


def test_a_result_is_compared_with_what_was_searched(page: Page) -> None:
    find(page, 4)
    page.get_by_label("Compare 4.png").check()
    page.get_by_role("button", name="Compare with your search").click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("one is a copy of the other")
    expect(page.get_by_role("dialog").get_by_role("img", name="chosen-4.png")).to_be_visible()


def test_a_file_name_is_text_whatever_it_says(page: Page) -> None:
    expect(page.locator(".name", has_text=EVIL)).to_have_count(1)
    page.locator(".card", has_text=EVIL).locator(".open").click()
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(EVIL)


def test_pictures_are_added_and_found(open_page: Callable[..., Page], tmp_path: Path) -> None:
    with open_test_site(tmp_path, 2) as site:
        page = open_page(site)
        expect(page.locator("#count")).to_have_text("2 pictures")
        files = [
            ("new.png", make_image((200, 1, 1))),
            ("bad.png", b"no picture"),
            ("old.png", picture_file(colour_of(0))),
        ]
        page.set_input_files("#add-files", [png(name, content) for name, content in files])
        expect(page.get_by_role("alert")).to_contain_text("Not added: bad.png: Not an image")
        expect(page.locator("#said")).to_have_text("1 picture added, 1 already indexed.")
        expect(page.locator("#count")).to_have_text("3 pictures")
        expect(page.locator(".card")).to_have_count(3)
        page.set_input_files("#file", {"name": "q.png", "mimeType": "image/png", "buffer": make_image((1, 1, 200))})
        page.get_by_role("button", name="Add to the index").click()
        expect(page.locator("#count")).to_have_text("4 pictures")
        expect(page.locator("#keep")).to_be_hidden()


def test_a_picture_is_removed_with_the_keyboard_and_put_back(page: Page, shared: Site) -> None:
    find(page, 4)
    names = first_names(page, 10)
    page.get_by_role("button", name="Open 4.png").press("Enter")
    page.get_by_role("button", name="Remove…").press("Enter")
    question = page.get_by_role("dialog", name="Remove 4.png from the index?")
    expect(question).to_have_accessible_description(re.compile("Its file stays where it is, unless it was uploaded"))
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("ArrowRight")  # turns no picture below the question
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text("4.png")
    expect(page.get_by_role("button", name="Remove…")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    expect(question.get_by_role("button", name="Remove")).to_be_focused()
    assert Axe().run(page).violations_count == 0
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="4.png was removed from the index.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#count")).to_have_text("9 pictures")
    assert first_names(page, 10) == names[1:]
    assert (shared.folder / "4.png").exists()
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    assert Axe().run(page).violations_count == 0
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="4.png is in the index again.")).to_be_visible()
    expect(page.locator("#count")).to_have_text("10 pictures")
    assert first_names(page, 10) == names
    page.keyboard.press("Enter")
    expect(page.locator("#removed")).to_be_hidden()
    find(page, 5)
    assert "4.png" in first_names(page, 10)


def test_an_upload_that_is_removed_is_not_offered_back(open_page: Callable[..., Page], tmp_path: Path) -> None:
    with open_test_site(tmp_path, 2) as site:
        site.web.post("/v1/index", files={"images": make_image((200, 1, 1))})
        page = open_page(site)
        page.get_by_role("button", name="Open upload-").click()
        page.get_by_role("button", name="Remove…").click()
        page.locator("#removal-yes").click()
        expect(page.locator("#removed-text")).to_contain_text("was removed from the index.")
        expect(page.locator("#undo")).to_be_hidden()
        expect(page.locator(".card")).to_have_count(2)
        assert list((tmp_path / "uploads").iterdir()) == []


def test_what_somebody_else_removed_is_told_in_words(open_page: Callable[..., Page], tmp_path: Path) -> None:
    with open_test_site(tmp_path, 2) as site:
        page = open_page(site)
        page.get_by_role("button", name="Open 1.png").click()
        site.web.delete(f"/v1/pictures/{site.ids()['1.png']}")
        page.get_by_role("button", name="Remove…").click()
        page.locator("#removal-yes").click()
        expect(page.get_by_role("alert")).to_contain_text("No picture")
        expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_picture_whose_file_is_gone_is_shown_as_that(open_page: Callable[..., Page], tmp_path: Path) -> None:
    with open_test_site(tmp_path, 3, options={"uploads": None}) as site:
        page = open_page(site)
        expect(page.locator(".card")).to_have_count(3)
        assert page.locator(".card img").evaluate_all("all => Promise.all(all.map(each => each.decode()))")
        (site.folder / "1.png").unlink()
        page.reload()
        card = page.locator(".card", has_text="1.png")
        expect(card.get_by_text("file is gone")).to_be_visible()
        expect(page.get_by_text("file is gone").locator("visible=true")).to_have_count(1)
        expect(card.locator("img")).to_have_css("filter", "grayscale(1)")
        page.get_by_role("button", name="Open 1.png, whose file is gone").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("It was there when it was indexed.")).to_be_visible()
        expect(dialog.get_by_role("link", name="Open the file")).to_be_hidden()
        expect(dialog.get_by_role("button", name="Remove…")).to_be_hidden()  # where uploads are off
        assert Axe().run(page).violations_count == 0


def test_the_page_says_which_files_could_not_be_read(open_page: Callable[..., Page], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "<b>.jpg"):
        (tmp_path / "photos" / name).write_bytes(f"bad {name}".encode())
    with open_test_site(tmp_path, 1) as site:
        page = open_page(site)
        expect(page.locator("#indexing-text")).to_have_text("2 files could not be read.")
        page.get_by_text("Which, and why").press("Enter")
        expect(page.locator("#failures-list li")).to_have_count(2)
        expect(page.locator("#failures-list")).to_contain_text(f"{site.folder}/a.jpg: not an image")
        expect(page.locator("#failures-list")).to_contain_text("<b>.jpg")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_the_page_of_others_is_not_told_which_files_could_not_be_read(page: Page, shared: Site) -> None:
    indexing = shared.status()["indexing"] | {"failed": 2}
    told = {"indexing": indexing, "failures_told": False}
    page.route("**/v1/index/status", lambda route: route.fulfill(json=shared.status() | told))
    page.reload()
    words = "2 files could not be read; the server's log says which."
    expect(page.locator("#indexing-text")).to_have_text(words)
    expect(page.locator("#failures")).to_be_hidden()


def test_what_happens_to_a_folder_is_seen_on_the_page(open_page: Callable[..., Page], tmp_path: Path) -> None:
    with open_test_site(tmp_path, 2, options={"watch": True}) as site:
        page = open_page(site)
        expect(page.locator("#count")).to_have_text("2 pictures")
        (site.folder / "2.png").write_bytes(picture_file(colour_of(2)))
        expect(page.locator("#count")).to_have_text("3 pictures", timeout=20_000)
        expect(page.get_by_role("button", name="Open 2.png")).to_be_visible()


def test_an_empty_index_says_what_to_do(open_page: Callable[..., Page], tmp_path: Path) -> None:
    with open_test_site(tmp_path, 0, options={"uploads": None}) as site:
        page = open_page(site)
        expect(page.get_by_role("heading", name="Nothing to search yet")).to_be_visible()
        expect(page.locator("#empty")).to_contain_text("make run PICTURES=~/Pictures")
        expect(page.locator("#add")).to_be_hidden()
        expect(page.locator("#empty-add")).to_be_hidden()


def test_indexing_is_seen_while_it_goes_on(page: Page) -> None:
    running = {"state": "running", "done": 30, "total": 120, "failed": 2, "seconds_left": 100, "message": ""}

    def told(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"indexing": running})

    page.route("**/v1/index/status", told)
    page.reload()
    words = "Indexing: 30 of 120 pictures, about 2 minutes left. 2 files could not be read"
    expect(page.locator("#indexing-text")).to_contain_text(words)
    assert page.get_by_role("progressbar", name="Indexing").evaluate("bar => bar.value / bar.max") == 0.25


def test_pictures_that_come_in_pull_nothing_away(page: Page, shared: Site) -> None:
    every = shared.web.get("/v1/pictures").json()["pictures"]
    come = every[6:]

    def status(route: Route) -> None:
        told = shared.status()
        route.fulfill(json=told | {"count": len(come), "indexing": told["indexing"] | {"state": "running"}})

    page.route("**/v1/index/status", status)
    page.route("**/v1/pictures?*", lambda route: route.fulfill(json={"pictures": come}))
    page.reload()
    expect(page.locator(".card")).to_have_count(4)
    page.locator("#url").fill("ca")
    page.locator(".open").first.click()
    name = page.locator(".card .name").first.inner_text()
    come = every[3:]  # the first by their digests: before those that are there
    expect(page.locator(".card")).to_have_count(7)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=f"Open {name}")).to_be_focused()
    expect(page.locator("#url")).to_have_value("ca")
    page.keyboard.press("Enter")
    come = every
    expect(page.locator(".card")).to_have_count(10)
    page.get_by_role("button", name="Search with this picture").click()
    expect(page.locator("#shown-name")).to_have_text(name)


def test_a_server_that_went_away_is_told_in_words(page: Page) -> None:
    page.context.set_offline(True)
    choose(page, 1)
    message = page.get_by_role("alert").get_by_role("paragraph")
    expect(message).to_have_text("The server does not answer. Is it still running?")


def test_a_problem_is_in_sight_however_far_down_the_page_is(open_page: Callable[..., Page], shared: Site) -> None:
    page = open_page(shared, PHONE)
    page.locator(".card").last.scroll_into_view_if_needed()
    give(page, "paste", text="no address")
    expect(page.get_by_role("alert")).to_be_in_viewport()


def test_on_a_phone_nothing_is_wider_than_the_screen(open_page: Callable[..., Page], shared: Site) -> None:
    page = open_page(shared, PHONE, has_touch=True, is_mobile=True)
    expect(page.locator(".card")).to_have_count(10)

    def overflow() -> int:
        return page.evaluate("document.documentElement.scrollWidth - innerWidth")

    assert overflow() <= 0
    find(page, 4)
    assert overflow() <= 0
    page.get_by_role("button", name="Open 4.png").tap()
    assert overflow() <= 0
    heights = page.locator("button:visible").evaluate_all("all => all.map(each => each.getBoundingClientRect().height)")
    assert min(heights) >= 24  # WCAG 2.2, 2.5.8


@pytest.mark.parametrize("count", [1, 1000, 12_345, 1_234_567])
@pytest.mark.parametrize("width", [320, 360, 560])
def test_on_a_phone_the_head_has_one_height_however_many_pictures_there_are(
    open_page: Callable[..., Page], shared: Site, width: int, count: int
) -> None:
    page = open_page(shared, {"width": width, "height": 740})
    page.route("**/v1/index/status", lambda route: route.fulfill(json=shared.status() | {"count": count}))
    page.reload()
    expect(page.locator("#count")).to_have_text(f"{count:,} picture{'' if count == 1 else 's'}")
    assert page.locator("header").evaluate("head => head.getBoundingClientRect().height") <= 68
    assert page.locator("#count").evaluate("count => count.scrollWidth <= count.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_every_stop_of_the_tab_key_can_be_seen(page: Page) -> None:
    outlines = []
    for _ in range(9):
        page.keyboard.press("Tab")
        outlines.append(
            page.evaluate(
                """() => { const at = document.activeElement;
                const marked = [at, at.closest("label"), at.parentElement.querySelector("label")];
                return marked.some(each => each && getComputedStyle(each).outlineStyle !== "none"); }"""
            )
        )
    assert all(outlines)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_accessibility_is_broken(open_page: Callable[..., Page], shared: Site, scheme: str) -> None:
    page = open_page(shared, color_scheme=scheme, reduced_motion="reduce")
    expect(page.locator(".card")).to_have_count(10)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor").removeprefix("rgb(").split(",")
    assert (int(background[0]) < 60) is (scheme == "dark")
    find(page, 4)
    page.locator("#url").fill("no address")
    page.keyboard.press("Enter")
    page.get_by_label("Compare 4.png").check()
    expect(page.get_by_role("alert")).to_be_visible()
    for dialog in (False, True):
        if dialog:
            page.get_by_role("button", name="Open 4.png").click()
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_another_index_is_chosen_by_keyboard_and_kept_in_the_address(
    start_site: Callable[..., Site], open_page: Callable[..., Page]
) -> None:
    site = start_site(3)
    assert site.web.post("/v1/indexes", json={"name": "art", "attributes": {"title": "string"}}).status_code == 201
    file = picture_file(colour_of(100))
    body = {"pictures": [{"data": base64.b64encode(file).decode(), "attributes": {"title": "Mona Lisa"}}]}
    assert site.web.post("/v1/indexes/art/pictures", json=body).json()["added"] == 1
    page = open_page(site, PHONE)
    expect(page.locator(".card")).to_have_count(3)
    page.get_by_label("Index", exact=True).focus()
    page.keyboard.press("a")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#count")).to_have_text("1 picture")
    assert page.url.endswith("?index=art")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not Axe().run(page).response["violations"]
    page.locator(".card .like").click()
    expect(page.locator("#shown")).to_be_visible()
    page.go_back()
    expect(page.locator("#shown")).to_be_hidden()
    page.locator(".card .open").click()
    expect(page.locator("#viewer-facts")).to_contain_text("Mona Lisa")
    assert "v1/indexes/art/pictures/" in (page.locator("#viewer-file").get_attribute("href") or "")
    page.keyboard.press("Escape")
    page.locator("#add-files").set_input_files(
        FilePayload(name="x.png", mimeType="image/png", buffer=picture_file(colour_of(101)))
    )
    expect(page.locator(".card")).to_have_count(2)
    page.reload()
    expect(page.locator(".card")).to_have_count(2)
    expect(page.get_by_label("Index", exact=True)).to_have_value("art")
    page.get_by_role("link", name="Find copies").click()
    expect(page.get_by_role("heading", name="Copies in art")).to_be_visible()
    page.get_by_role("button", name="Look for copies").click()
    expect(page.locator("#finding-text")).to_contain_text("1 group of copies")
    assert page.locator(".group img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 16
    page.get_by_role("link", name="Search by picture").click()
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_label("Index", exact=True).select_option("test")
    expect(page.locator(".card")).to_have_count(3)
    page.go_back()
    expect(page.locator(".card")).to_have_count(2)
    check_proofs(page, *photograph_and_part())
    assert site.status()["count"] == 3


def photograph_and_part() -> tuple[bytes, bytes]:
    """A picture, and a quarter of its area with left and right swapped."""
    picture = PILImage.fromarray(generate_picture(0, 256)).convert("RGB")
    files = io.BytesIO(), io.BytesIO()
    for file, each in zip(files, (picture, ImageOps.mirror(picture.crop((64, 64, 192, 192)))), strict=True):
        each.save(file, "JPEG", quality=90)
    return files[0].getvalue(), files[1].getvalue()


def check_proofs(page: Page, whole: bytes, part: bytes) -> None:
    """Add a picture, and find it by its part, with proofs and by keys alone."""
    page.set_input_files("#add-files", png("whole.jpg", whole))
    expect(page.locator("#said")).to_have_text("1 picture added.")
    page.set_input_files("#file", png("part.jpg", part))
    expect(page.locator("#shown img")).to_be_visible()
    page.get_by_label("Prove copies").focus()
    page.keyboard.press("Space")
    proven = page.locator(".card.is-proven")
    expect(proven.locator(".proof")).to_contain_text(
        re.compile(r"^Proven: \d+ matching places, cut to 25 % of the area, mirrored$")
    )
    expect(page.locator("#note")).to_contain_text("1 copy is proven by what the pictures show.")
    proven.locator(".open").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#viewer-facts")).to_contain_text("Proven: ")
    expect(page.locator("#viewer-facts")).to_contain_text("too low for a copy: the threshold is 1.0000")
    is_outlined(page.locator("#viewer-picture"))
    page.get_by_role("button", name="Beside your picture").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#comparison-proof")).to_contain_text("cut to 25 % of the area, mirrored.")
    expect(page.locator("#sides .outline")).to_have_count(2)
    for side in page.locator("#sides .picture").all():
        is_outlined(side)
    corners = page.locator("#sides .outline polygon").last.get_attribute("points") or ""
    found = [float(each) for each in re.split("[ ,]", corners)]
    assert max(abs(a - b) for a, b in zip(found, (192, 64, 64, 64, 64, 192, 192, 192), strict=True)) < 4
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not Axe().run(page).response["violations"]
    page.keyboard.press("Escape")
    expect(page.locator("#comparison")).to_be_hidden()
    assert not Axe().run(page).response["violations"]


def test_one_index_is_no_choice(shared: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(shared)
    expect(page.locator(".card")).to_have_count(10)
    expect(page.locator("#index-row")).to_be_hidden()


def quarters(*numbers: int) -> bytes:
    """A picture of 200 x 100 pixels whose four quarters have the colours of these numbers."""
    image = PILImage.new("RGB", (200, 100))
    for place, number in enumerate(numbers):
        with PILImage.open(io.BytesIO(picture_file(colour_of(number), (100, 50)))) as part:
            image.paste(part, (100 * (place % 2), 50 * (place // 2)))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


# Keeps the texts of each form that is sent: a browser does not tell of forms with files.
_KEEP_FORMS = """() => {
  window.sent = [];
  const real = window.fetch;
  window.fetch = (path, options) => {
    if (options?.body instanceof FormData) {
      sent.push(Object.fromEntries([...options.body].filter(([_, value]) => typeof value === "string")));
    }
    return real(path, options);
  };
}"""


def searched_by(page: Page, act: Callable[[], object]) -> dict[str, str]:
    """The texts of the form of the search that an action begins, once it is answered."""
    page.evaluate(_KEEP_FORMS)
    with page.expect_response("**/v1/search"):
        act()
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    sent: list[dict[str, str]] = page.evaluate("sent")
    return sent[-1]


def open_quarters(page: Page) -> Locator:
    page.set_input_files("#file", png("quarters.png", quarters(1, 3, 5, 7)))
    expect(page.locator(".region")).to_be_visible()
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    return page.locator(".region")


def test_a_part_is_chosen_by_dragging_over_the_picture(page: Page) -> None:
    box = open_quarters(page).bounding_box()
    assert box
    x, y, w, h = (box[side] for side in ("x", "y", "width", "height"))

    def drag(start: tuple[float, float], end: tuple[float, float]) -> None:
        page.mouse.move(x + start[0] * w, y + start[1] * h)
        page.mouse.down()
        page.mouse.move(x + end[0] * w, y + end[1] * h, steps=4)
        page.mouse.up()

    found = searched_by(page, lambda: drag((0.5, 0.5), (1, 1)))["box"]
    assert [round(int(each), -1) for each in found.split(",")] == [100, 50, 100, 50]
    assert first_names(page) == ["7.png"]
    expect(page.locator("#part-text")).to_contain_text("pixels at 1")
    moved = searched_by(page, lambda: drag((0.75, 0.75), (0.25, 0.25)))["box"]
    assert [round(int(each), -1) for each in moved.split(",")] == [0, 0, 100, 50]
    assert first_names(page) == ["1.png"]
    larger = searched_by(page, lambda: drag((0.5, 0.5), (1, 0.5)))["box"]
    assert [round(int(each), -1) for each in larger.split(",")] == [0, 0, 200, 50]
    assert "box" not in searched_by(page, page.get_by_role("button", name="Search with all of it").click)
    expect(page.get_by_role("button", name="Search with a part of it")).to_be_visible()


def test_a_part_is_chosen_with_keys_alone_and_escape_clears_it(page: Page) -> None:
    open_quarters(page)
    page.get_by_role("button", name="Search with a part of it").focus()
    assert searched_by(page, lambda: page.keyboard.press("Enter"))["box"] == "50,25,100,50"
    part = page.get_by_role("button", name=re.compile("^The part that is searched with"))
    expect(part).to_be_focused()
    assert searched_by(page, lambda: page.keyboard.press("Shift+ArrowRight"))["box"] == "70,25,100,50"
    expect(part).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=re.compile("^The left upper corner"))).to_be_focused()
    assert searched_by(page, lambda: page.keyboard.press("Shift+ArrowDown"))["box"] == "70,35,100,40"
    assert Axe().run(page).response["violations"] == []
    assert "box" not in searched_by(page, lambda: page.keyboard.press("Escape"))
    expect(page.get_by_role("button", name="Search with a part of it")).to_be_focused()


def test_a_part_is_chosen_with_a_finger_on_a_phone(open_page: Callable[..., Page], shared: Site) -> None:
    page = open_page(shared, PHONE, has_touch=True, is_mobile=True)
    box = open_quarters(page).bounding_box()
    assert box
    assert box["width"] >= 150
    touch = page.context.new_cdp_session(page)

    def drag() -> None:
        for share, kind in ((0.02, "touchStart"), (0.25, "touchMove"), (0.48, "touchMove"), (0.48, "touchEnd")):
            point = {"x": box["x"] + share * box["width"], "y": box["y"] + share * box["height"]}
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [] if kind == "touchEnd" else [point]})

    x, y, w, h = map(int, searched_by(page, drag)["box"].split(","))
    assert x + y <= 12
    assert (w > 80, h > 40) == (True, True)
    assert first_names(page) == ["1.png"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_picture_is_also_searched_for_inside_another(page: Page) -> None:
    page.set_input_files("#file", png("quarters.png", quarters(1, 1, 1, 8)))
    expect(page.locator("#heading")).to_have_text(FOUND)
    box = page.get_by_label(re.compile("Also find pictures that it shows"))
    assert searched_by(page, box.check)["thorough"] == "true"
    page.get_by_role("button", name="Open 8.png").click()
    expect(page.locator("#viewer-facts")).to_contain_text("In yours")


def change_answers(page: Page, **changes: Any) -> None:
    """Have searches answered with other facts: of the reply, or with ``match`` of each match."""
    of_match = changes.pop("match", {})

    def answer(route: Route) -> None:
        told = route.fetch().json()
        told["matches"] = [{**match, **of_match} for match in told["matches"]]
        route.fulfill(json={**told, **changes})

    page.route("**/v1/search", answer)


def test_what_is_no_copy_is_shown_on_request_if_the_encoder_knows_copies_only(page: Page) -> None:
    change_answers(page, only_copies=True)
    choose(page, 4)
    expect(page.locator("#heading")).to_have_text(FOUND)
    shown = page.locator(".card:visible")
    copies = shown.count()
    assert 0 < copies < 10
    expect(shown.locator(".copy:visible")).to_have_count(copies)
    assert Axe().run(page).response["violations"] == []
    page.locator(".card .open").first.click()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer-facts")).to_contain_text("a copy")
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Show the")).click()
    expect(page.locator(".card:visible")).to_have_count(10)


_IS_OVER = """(pair) => {
  const [image, drawing] = pair.map((each) => each.getBoundingClientRect());
  return image.width > 9 && ["x", "y", "width", "height"].every((side) => Math.abs(image[side] - drawing[side]) < 1.5);
}"""


def is_outlined(place: Locator) -> None:
    """Check that what is drawn over an image lies exactly over it."""
    expect(place.locator(".outline")).to_be_visible()
    pair = [place.locator(each).element_handle() for each in ("img", ".outline")]
    wait_until(lambda: place.page.evaluate(_IS_OVER, pair))


def test_the_part_that_matched_is_outlined_small_and_large(page: Page) -> None:
    part = {"number": 3, "box": [8, 6, 8, 6], "label": "window", "score": 1}
    change_answers(page, match={"part": part})
    choose(page, 4)
    card = page.locator(".card").first
    for place in (card, page.locator("#viewer-picture")):
        if place is not card:
            card.locator(".open").click()
        is_outlined(place)
    expect(page.locator("#viewer-facts")).to_contain_text("number 3, window: 8 × 6 pixels at 8, 6")

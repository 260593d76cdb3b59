"""Take the pictures of docs/images anew, from the pages and the evaluation report in a real Chromium.

make screenshots     # needs Chromium: apt-get install chromium

What is shown: photographs that scikit-image carries and that are CC0 or in the public domain (its documentation of each
says so), edited copies of one of them, and generated pictures.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import skimage
from PIL import Image as PILImage
from PIL import ImageDraw, ImageEnhance, ImageOps
from playwright.sync_api import Locator, Page, ViewportSize, expect, sync_playwright

IMAGES = Path(__file__).parent / "images"
PHOTOGRAPHS = Path(skimage.__file__).parent / "data"
FREE = {
    "chelsea.png": "cat.jpg",
    "coffee.png": "espresso.jpg",
    "rocket.jpg": "launch.jpg",
    "hubble_deep_field.jpg": "deep-field.jpg",
    "coins.png": "coins.jpg",
    "clock_motion.png": "clock.jpg",
    "brick.png": "wall.jpg",
    "grass.png": "lawn.jpg",
}
FACES, EMBEDDED = "visop.processors.faces:Faces", "visop.models.built_in_encoder:BuiltInEncoder"
WIDTH = 1280
PHONE: ViewportSize = {"width": 390, "height": 844}
COLOURS = 256  # of the palette that keeps the files small
GENERATED_TO_SEARCH, GENERATED_TO_EVALUATE = 16, 160


def visop(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "visop", *map(str, arguments)]


def write_pictures(folder: Path) -> None:
    """Photographs, edited copies of the cat, and generated pictures."""
    subprocess.run(visop("generate", "--out", folder / "generated", "--count", GENERATED_TO_SEARCH), check=True)
    for source, name in FREE.items():
        photograph(source).save(folder / name, quality=90)
    cat = photograph("chelsea.png")
    for name, copy in edited(cat).items():
        copy.save(folder / f"cat-{name}.jpg", quality=80)


def photograph(name: str) -> PILImage.Image:
    return PILImage.open(PHOTOGRAPHS / name).convert("RGB")


def edited(picture: PILImage.Image) -> dict[str, PILImage.Image]:
    """The same picture as people pass it on."""
    width, height = picture.size
    captioned = picture.copy()
    draw = ImageDraw.Draw(captioned)
    draw.rectangle((0, height - 40, width, height), fill="black")
    draw.text((16, height - 32), "Is it Monday again?", fill="white", font_size=22)
    return {
        "small": picture.resize((width // 3, height // 3)),
        "cropped": picture.crop((width // 10, height // 10, width * 9 // 10, height * 9 // 10)),
        "grey": ImageOps.grayscale(picture),
        "brighter": ImageEnhance.Brightness(picture).enhance(1.35),
        "framed": ImageOps.expand(picture, 14, "white"),
        "captioned": captioned,
    }


def from_the_web(picture: PILImage.Image) -> PILImage.Image:
    """What somebody cut out of a picture, tilted and in other colours."""
    width, height = picture.size
    cut = picture.crop((width // 8, height // 12, width * 7 // 8, height * 11 // 12))
    return ImageEnhance.Color(cut.rotate(-7, PILImage.Resampling.BICUBIC, fillcolor="white")).enhance(0.6)


@contextmanager
def search_page(work: Path) -> Iterator[str]:
    """The address of a `visop run` over the pictures."""
    options = ("--pictures", work / "pictures", "--uri", work / "visop.db", "--uploads", "off")
    with served(work, "run", *options) as address:
        yield address


@contextmanager
def served(work: Path, command: str, *options: object) -> Iterator[str]:
    """The address of the page that a command serves."""
    environment = os.environ | {"OP_ENDPOINT": "127.0.0.1:0", "OP_CACHE_DIR": str(work / "cache")}
    words = visop(command, *options, "--http-endpoint", "127.0.0.1:0")
    server = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        address = next(found[1] for line in server.stderr if (found := re.search(r" http=(\S+)", line)))
        yield f"http://{address}"
    finally:
        server.terminate()
        server.communicate()


def show_boxes(page: Page, address: str, work: Path) -> None:
    page.goto(address)
    page.set_input_files("#file", work / "crew.jpg")
    expect(page.locator("#found")).to_be_visible(timeout=60_000)
    expect(page.locator(".part")).not_to_have_count(0)
    page.locator("#list button").first.hover()


def show_analyses(page: Page, address: str, work: Path) -> None:
    page.goto(f"{address}/page")
    page.set_input_files("#files", sorted((work / "pictures").glob("*.jpg")))
    page.set_input_files("#files", work / "crew.jpg")
    page.locator("#upload-dismiss").click(timeout=120_000)
    expect(page.locator("#analyses-count")).not_to_contain_text("not finished", timeout=120_000)
    page.wait_for_function("() => [...document.images].slice(0, 12).every((each) => each.complete)")


def show_record(page: Page) -> None:
    page.locator("#rows .entry", has_text="crew.jpg").locator("a").click()
    expect(page.locator(".part")).not_to_have_count(0)
    page.wait_for_function("() => document.querySelector('#picture').complete")


def show_search(page: Page, address: str, work: Path) -> None:
    page.goto(address)
    count = len(list((work / "pictures").rglob("*.jpg")))
    expect(page.locator("#count")).to_have_text(f"{count} pictures", timeout=120_000)
    page.set_input_files("#file", work / "from-the-web.jpg")
    page.get_by_label("Prove copies").check()
    expect(page.locator("#note")).to_contain_text("proven", timeout=60_000)
    page.wait_for_function("[...document.images].slice(0, 12).every((each) => each.complete)")
    page.evaluate("scrollTo(0, 0)")


def show_proof(page: Page) -> None:
    """Of what `show_search` found, the whole picture beside the one that was searched with."""
    page.get_by_role("button", name="Open cat.jpg").click()
    page.get_by_role("button", name="Beside your picture").click()
    expect(page.locator("#sides .outline")).to_have_count(2)
    page.wait_for_function("[...document.querySelectorAll('#sides img')].every((each) => each.complete)")


def evaluate(work: Path) -> Path:
    """The report of the shipped encoder beside pHash, over generated pictures."""
    folder = work / "evaluated"
    subprocess.run(visop("generate", "--out", folder, "--count", GENERATED_TO_EVALUATE, "--seed", 1000), check=True)
    encoders = ("--encoder", "embedded", "--encoder", "phash")
    subprocess.run(visop("evaluate", folder, *encoders, "--out", work / "evaluation"), check=True)
    return work / "evaluation" / "report.html"


def shoot(page: Page | Locator, name: str) -> None:
    file = IMAGES / name
    page.screenshot(path=file, animations="disabled")
    with PILImage.open(file) as shot:
        shot.convert("RGB").quantize(COLOURS, kmeans=2, dither=PILImage.Dither.NONE).save(file, optimize=True)
    print(f"{file}: {file.stat().st_size // 1000} kB")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        work = Path(folder)
        write_pictures(work / "pictures")
        from_the_web(photograph("chelsea.png")).save(work / "from-the-web.jpg", quality=70)
        photograph("astronaut.png").save(work / "crew.jpg", quality=90)
        browser = playwright.chromium.launch(executable_path=chromium, chromium_sandbox=os.geteuid() != 0)
        page = browser.new_page(viewport={"width": WIDTH, "height": 940}, color_scheme="light")
        with search_page(work) as address:
            show_search(page, address, work)
            shoot(page, "search-page.png")
            show_proof(page)
            page.set_viewport_size({"width": WIDTH, "height": 760})
            shoot(page.locator("#comparison"), "proof.png")
            page.set_viewport_size(PHONE)
            page.emulate_media(color_scheme="dark")
            show_search(page, address, work)
            page.locator("#heading").evaluate("heading => heading.scrollIntoView()")
            shoot(page, "search-phone.png")
            page.emulate_media(color_scheme="light")
        with served(work, "serve", "--model", "faces") as address:
            page.set_viewport_size({"width": WIDTH, "height": 760})
            show_boxes(page, address, work)
            shoot(page, "boxes-page.png")
            page.set_viewport_size({"width": WIDTH, "height": 940})
        operators = ("--class", f"faces={FACES}", "--class", f"embedded={EMBEDDED}")
        with served(work, "analyses", "serve", "--database", work / "analyses.db", *operators) as address:
            show_analyses(page, address, work)
            shoot(page, "analyses-page.png")
            show_record(page)
            shoot(page, "analysis-page.png")
        page.goto(evaluate(work).as_uri())
        shoot(page, "evaluation-report.png")
        browser.close()


if __name__ == "__main__":
    main()

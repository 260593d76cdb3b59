from __future__ import annotations

import hashlib
import io
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from PIL import ExifTags
from PIL import Image as PILImage

from tests.conftest import make_image, picture_file
from tests.in_thread import serving_in_thread
from tests.search.conftest import colour_of, make_old, write_pictures
from tests.web.conftest import Site
from visop.http.timeouts import Timeouts


def test_a_thumbnail_is_small_webp_for_ever_and_asked_for_once(start_site: Callable[..., Site], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "large.png").write_bytes(picture_file((9, 8, 7), (900, 600)))
    site = start_site(1)
    answer = site.web.get(f"/v1/pictures/{site.ids()['large.png']}/thumbnail")
    with PILImage.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("WEBP", (320, 213))
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = site.web.get(answer.request.url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_picture_is_the_file_as_it_was_indexed(site: Site) -> None:
    answer = site.web.get(f"/v1/pictures/{site.ids()['3.png']}")
    assert answer.content == picture_file(colour_of(3))
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("keep", [False, True])
def test_other_machines_get_the_place_only_if_told_so(
    start_site: Callable[..., Site], tmp_path: Path, keep: bool
) -> None:
    (tmp_path / "photos").mkdir()
    exif = PILImage.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    PILImage.new("RGB", (20, 10), (9, 8, 7)).save(tmp_path / "photos" / "place.jpg", exif=exif)
    options = {"pictures": [str(tmp_path / "photos")], "keep_metadata": keep}
    site = start_site(0, http_endpoint="0.0.0.0:0", options=options)
    answer = site.web.get(f"/v1/pictures/{site.ids()['place.jpg']}")
    assert answer.headers["content-type"] == "image/jpeg"
    with PILImage.open(io.BytesIO(answer.content)) as image:
        assert bool(image.getexif().get_ifd(ExifTags.IFD.GPSInfo)) is keep
        assert image.size == (20, 10)


@pytest.mark.parametrize("path", ["", "/thumbnail"])
@pytest.mark.parametrize(
    ("id_", "status"),
    [("0" * 64, 404), ("A" * 64, 400), ("3.png", 400), ("..%2F..%2Fetc%2Fpasswd", 404), ("%00", 400), ("0" * 65, 400)],
)
def test_what_is_no_picture_of_the_index_is_not_served(site: Site, id_: str, status: int, path: str) -> None:
    answer = site.web.get(f"/v1/pictures/{id_}{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"


def test_another_file_in_the_place_of_a_picture_is_not_served(start_site: Callable[..., Site], tmp_path: Path) -> None:
    site = start_site(2)
    ids = site.ids()
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture_file((1, 1, 2)))
    (site.folder / "0.png").unlink()
    (site.folder / "0.png").symlink_to(secret)
    (site.folder / "1.png").unlink()
    for name in ("0.png", "1.png"):
        for path in ("", "/thumbnail"):
            answer = site.web.get(f"/v1/pictures/{ids[name]}{path}")
            assert (answer.status_code, answer.json()["code"]) == (410, "NOT_FOUND")


def test_of_a_file_that_is_gone_there_is_no_original_and_every_answer_says_so(start_site: Callable[..., Site]) -> None:
    site = start_site(3)
    ids = site.ids()
    path = f"/v1/pictures/{ids['0.png']}"
    tag = site.web.get(path).headers["etag"]
    assert site.web.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert site.web.get(f"{path}/thumbnail").status_code == 200
    (site.folder / "0.png").unlink()
    (site.folder / "1.png").write_bytes(b"another")
    assert site.web.get(path, headers={"If-None-Match": tag}).status_code == 410
    assert site.web.get(f"{path}/thumbnail").status_code == 200  # it was made before; `gone` says how to show it
    every = site.web.get("/v1/pictures").json()["pictures"] + site.search(id=ids["2.png"]).json()["matches"]
    assert {each["names"][0].rpartition("/")[2]: each["gone"] for each in every} == {
        "0.png": True, "1.png": True, "2.png": False
    }  # fmt: skip


def test_a_copy_under_another_name_still_serves(start_site: Callable[..., Site], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "copy.png").write_bytes(picture_file(colour_of(0)))
    make_old(tmp_path / "photos" / "copy.png")
    site = start_site(1)
    (site.folder / "0.png").unlink()
    assert site.web.get(f"/v1/pictures/{site.ids()['copy.png']}").content == picture_file(colour_of(0))


def test_a_picture_that_left_the_index_is_gone_although_its_thumbnail_is_kept(
    start_site: Callable[..., Site], tmp_path: Path
) -> None:
    id_ = hashlib.sha256(picture_file(colour_of(0))).hexdigest()
    kept = tmp_path / "cache" / "thumbnails" / "320" / id_[:2] / f"{id_}.webp"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"a thumbnail of another index")
    site = start_site(0)
    answer = site.web.get(f"/v1/pictures/{id_}/thumbnail", headers={"If-None-Match": f'"{id_}-320"'})
    assert answer.status_code == 404


def test_a_picture_from_the_web_is_fetched_and_its_digest_checked(
    start_site: Callable[..., Site], picture_server: str
) -> None:
    site = start_site(0, options={"pictures": [f"{picture_server}/10-20-30.png"]})
    (id_,) = site.ids().values()
    assert hashlib.sha256(site.web.get(f"/v1/pictures/{id_}").content).hexdigest() == id_
    assert site.web.get(f"/v1/pictures/{id_}/thumbnail").status_code == 200


def test_without_a_place_for_thumbnails_they_are_made_each_time(
    start_site: Callable[..., Site], tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "thumbnails").write_text("in the way")
    site = start_site(1)
    for _ in range(2):
        assert site.web.get(f"/v1/pictures/{site.ids()['0.png']}/thumbnail").status_code == 200


def test_head_tells_of_a_picture_what_get_would(site: Site) -> None:
    for path in ("/", f"/v1/pictures/{site.ids()['3.png']}", f"/v1/pictures/{site.ids()['3.png']}/thumbnail"):
        asked, head = site.web.get(path), site.web.head(path)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-length", "content-type", "etag", "cache-control"):
            assert head.headers[name] == asked.headers[name]


def ask_and_read_nothing(site: Site, path: str) -> socket.socket:
    """A connection whose answer has begun to come."""
    connection = socket.create_connection((site.web.base_url.host, site.web.base_url.port), timeout=20)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_open(path: Path) -> bool:
    return any(os.path.realpath(each) == str(path) for each in Path("/proc/self/fd").iterdir())


@pytest.fixture
def start_large(start_site: Callable[..., Site], tmp_path: Path) -> Callable[..., tuple[Site, Path]]:
    """Start a site with a picture of 12 MB."""
    (tmp_path / "photos").mkdir()
    path = tmp_path / "photos" / "large.bmp"
    path.write_bytes(make_image(size=(2000, 2000), kind="BMP"))
    return lambda **options: (start_site(1, max_image_bytes=20_000_000, **options), path)


@pytest.fixture
def large(start_large: Callable[..., tuple[Site, Path]]) -> tuple[Site, Path]:
    return start_large()


def test_those_who_ask_for_originals_and_do_not_read_them_cost_little(large: tuple[Site, Path]) -> None:
    site, path = large
    address = f"/v1/pictures/{site.ids()[path.name]}"
    assert site.web.get(address).content == path.read_bytes()
    before = resident_bytes()
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(ask_and_read_nothing(site, address))
        assert resident_bytes() - before < 60_000_000
        assert is_open(path)
    while is_open(path):  # until pytest's own limit
        pass


def test_who_reads_nothing_of_a_long_answer_is_dropped(start_large: Callable[..., tuple[Site, Path]]) -> None:
    site, path = start_large(timeouts=Timeouts(stall_s=0.1))
    with ask_and_read_nothing(site, f"/v1/pictures/{site.ids()[path.name]}"):
        while is_open(path):
            pass


def test_who_reads_slowly_is_not_dropped(start_large: Callable[..., tuple[Site, Path]]) -> None:
    site, path = start_large(timeouts=Timeouts(stall_s=1.0))
    with ask_and_read_nothing(site, f"/v1/pictures/{site.ids()[path.name]}") as connection:
        begun, received = time.monotonic(), 0
        while received < path.stat().st_size:
            received += len(part := connection.recv(1 << 16))
            assert part
            threading.Event().wait(0.008)
    assert time.monotonic() - begun > 1.0


@dataclass
class SlowWeb:
    """Pictures behind a server that answers at once until it is told not to."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def slow_web() -> Iterator[SlowWeb]:
    web = SlowWeb()
    web.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append(self.path)
            if not web.gate.is_set():
                web.gate.wait(20)
                return
            body = make_image((int(self.path.removeprefix("/")), 7, 7))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # with the usual 5, a connection beyond them waits seconds for its next try

    with serving_in_thread(Server(("127.0.0.1", 0), Handler)) as server:
        web.url = f"http://127.0.0.1:{server.server_port}"
        yield web
        web.gate.set()


@pytest.fixture
def half_dead(start_site: Callable[..., Site], slow_web: SlowWeb, tmp_path: Path) -> Callable[..., Site]:
    """Start a site with one picture in a folder, and others behind a server that answers no longer."""

    def start(pictures: int, **changes: float) -> Site:
        write_pictures(tmp_path / "photos", 1)
        urls = [f"{slow_web.url}/{number}" for number in range(pictures)]
        site = start_site(1, options={"pictures": [str(tmp_path / "photos"), *urls]}, **changes)
        slow_web.gate.clear()
        slow_web.asked.clear()
        return site

    return start


@pytest.mark.parametrize("path", ["", "/thumbnail"])
def test_servers_that_do_not_answer_hold_up_no_other_picture(
    half_dead: Callable[..., Site], slow_web: SlowWeb, path: str
) -> None:
    site = half_dead(45, fetch_timeout_s=15)
    ids = site.ids()
    local = ids.pop("0.png")
    assert len(ids) == 45
    with ThreadPoolExecutor(45) as pool, httpx.Client(base_url=site.web.base_url, timeout=5) as other:
        pending = [pool.submit(site.web.get, f"/v1/pictures/{id_}{path}") for id_ in ids.values()]
        refused = next(each.result() for each in as_completed(pending))
        assert (refused.status_code, refused.json()["code"]) == (429, "RESOURCE_EXHAUSTED")
        assert "Retry-After" in refused.headers
        assert other.get(f"/v1/pictures/{local}/thumbnail").status_code == 200
        assert other.get(f"/v1/pictures/{local}").status_code == 200
        assert other.get("/v1/index/status").status_code == 200
        slow_web.gate.set()


def test_all_urls_of_a_picture_together_have_the_time_of_one_and_then_rest(
    half_dead: Callable[..., Site], slow_web: SlowWeb
) -> None:
    site = half_dead(1, fetch_timeout_s=0.5)
    id_ = site.ids()["0"]
    begun = time.monotonic()
    assert site.web.get(f"/v1/pictures/{id_}/thumbnail").status_code == 404
    assert time.monotonic() - begun < 5
    assert slow_web.asked == ["/0"]
    slow_web.gate.set()
    assert site.web.get(f"/v1/pictures/{id_}").status_code == 404  # not asked again so soon
    assert slow_web.asked == ["/0"]

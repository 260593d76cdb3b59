from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from tests.conftest import make_base64, make_image, picture_file, unit
from tests.search.conftest import colour_of
from tests.web.conftest import THRESHOLD, Site


def names_of(answer: dict[str, Any]) -> list[str]:
    return [match["names"][0].rpartition("/")[2] for match in answer["matches"]]


def nearest(number: int, count: int) -> list[str]:
    """The names of the nearest of ten, from the colours themselves."""
    cosines = np.array([unit(colour_of(each)) @ unit(colour_of(number)) for each in range(10)])
    return [f"{each}.png" for each in np.argsort(-cosines)[:count]]


def test_a_file_finds_itself_first_and_then_the_nearest(site: Site) -> None:
    answer = site.web.post("/v1/search", files={"image": picture_file(colour_of(4))}, data={"k": "3"}).json()
    assert names_of(answer) == nearest(4, 3)
    assert answer["matches"][0]["id"] == hashlib.sha256(picture_file(colour_of(4))).hexdigest()


def test_score_cosine_and_verdict_are_those_of_the_vectors(site: Site) -> None:
    answer = site.web.post("/v1/search", files={"image": picture_file(colour_of(0))}, data={"k": "10"}).json()
    assert answer["metric"] == "L2"
    assert answer["threshold"] == THRESHOLD
    for match, name in zip(answer["matches"], names_of(answer), strict=True):
        vector = unit(colour_of(int(name.removesuffix(".png"))))
        assert match["score"] == pytest.approx(np.linalg.norm(vector - unit(colour_of(0))), abs=1e-3)
        assert match["cosine"] == pytest.approx(vector @ unit(colour_of(0)), abs=1e-5)
        assert match["is_copy"] is match["copy"] is (match["cosine"] >= THRESHOLD)
    assert (answer["nearly_empty"], answer["marked"]) == (False, 1)


def test_of_a_nearly_empty_picture_nothing_is_a_copy_however_it_is_given(start_site: Callable[..., Site]) -> None:
    site = start_site(3)
    white, black = (make_image((n, n, n)) for n in (255, 1))
    (kept,) = site.web.post("/v1/index", files={"images": white}).json()["pictures"]
    for request in ({"data": base64.b64encode(black).decode()}, {"id": kept["id"]}):
        answer = site.search(k=2, **request).json()
        assert (answer["nearly_empty"], answer["marked"]) == (True, 0)
        assert answer["matches"][0]["id"] == kept["id"]
        for match in answer["matches"]:
            assert (match["is_copy"], match["copy"], match["nearly_empty"]) == (None, None, True)


def test_a_nearly_empty_picture_that_is_found_is_no_copy(start_site: Callable[..., Site]) -> None:
    site = start_site(3)
    site.web.post("/v1/index", files={"images": make_image((255, 255, 255))})
    answer = site.web.post("/v1/search", files={"image": picture_file((60, 60, 60))}, data={"k": "1"}).json()
    (match,) = answer["matches"]
    assert (answer["nearly_empty"], match["is_copy"], match["nearly_empty"]) == (False, None, True)


def test_base64_a_data_uri_and_a_url_find_what_the_file_finds(site: Site, picture_server: str) -> None:
    data = base64.b64encode(picture_file(colour_of(7))).decode()
    url = "{}/{}-{}-{}.png".format(picture_server, *colour_of(7))
    for request in ({"data": data}, {"data": f"data:image/png;base64,{data}"}, {"url": url}):
        assert names_of(site.search(k=4, **request).json()) == nearest(7, 4)


def test_a_picture_of_the_index_is_searched_with_and_not_encoded_again(site: Site) -> None:
    before = len(site.operator.batches)
    assert names_of(site.search(id=site.ids()["5.png"], k=4).json()) == nearest(5, 4)
    assert len(site.operator.batches) == before


def in_a_corner(number: int, size: tuple[int, int] = (60, 40)) -> bytes:
    """A white picture with the colour of a number in its right lower quarter."""
    image = PILImage.new("RGB", size, (255, 255, 255))
    with PILImage.open(io.BytesIO(picture_file(colour_of(number), (size[0] // 2, size[1] // 2)))) as part:
        image.paste(part, (size[0] // 2, size[1] // 2))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_a_part_of_a_picture_is_searched_with(site: Site) -> None:
    data = in_a_corner(4)
    form = site.web.post("/v1/search", files={"image": data}, data={"k": "1", "box": "30,20,30,20"}).json()
    told = site.search(data=base64.b64encode(data).decode(), k=1, box=[30, 20, 30, 20]).json()
    assert form == told
    assert names_of(told) == ["4.png"]
    assert (told["matches"][0]["is_copy"], told["matches"][0]["view"]) == (True, None)


def test_a_part_of_a_picture_of_the_index_is_searched_with(site: Site) -> None:
    answer = site.search(id=site.ids()["4.png"], k=10, box=[0, 0, 8, 12]).json()  # its darker half
    whole = site.search(id=site.ids()["4.png"], k=10).json()
    assert answer["matches"][0]["cosine"] < whole["matches"][0]["cosine"] == pytest.approx(1)


def test_a_thorough_search_says_which_view_matched(site: Site) -> None:
    data = base64.b64encode(in_a_corner(4)).decode()
    plain, thorough = site.search(data=data, k=1).json(), site.search(data=data, k=1, thorough=True).json()
    assert names_of(thorough) == ["4.png"]
    assert (thorough["matches"][0]["view"], thorough["matches"][0]["part"]) == ([30, 20, 30, 20], None)
    assert thorough["threshold"] > plain["threshold"]


def test_a_filter_holds_for_all_that_is_found(site: Site) -> None:
    other = site.ids()["9.png"]
    answer = site.search(id=site.ids()["0.png"], filter=f'id == "{other}"').json()
    assert [match["id"] for match in answer["matches"]] == [other]
    assert site.search(id=other, filter="width > 1000").json()["matches"] == []


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ({}, 400, "exactly one picture"),
        ({"id": "0" * 64, "data": "aGk="}, 400, "exactly one picture"),
        ({"id": "0" * 64}, 404, "no picture 000000000000... in the index"),
        ({"id": "../../etc/passwd"}, 400, "id: must match ^[0-9a-f]{64}$"),
        ({"data": "aGVsbG8="}, 400, "not an image"),
        ({"url": "http://10.0.0.1/x.jpg"}, 400, "not public"),
        ({"url": "file:///etc/passwd"}, 400, "http"),
        ({"data": "aGk=", "k": 0}, 400, "k: must be at least 1"),
        ({"data": "aGk=", "k": 1001}, 400, "k: must be at most 1000"),
        ({"data": "aGk=", "kk": 1}, 400, "kk: there is no such field"),
        ({"data": make_base64(), "box": [0, 0, 0, 5]}, 400, "box 0,0,0,5: is empty"),
        ({"data": make_base64(), "box": [9, 9, 90, 5]}, 400, "must lie inside the picture, which has"),
        ({"data": make_base64(), "box": [9, 9]}, 400, "box"),
        ({"data": "aGk=", "mode": "worst"}, 400, "mode"),
    ],
)
def test_a_wrong_search_is_told_what_is_wrong(site: Site, request_: dict[str, Any], status: int, words: str) -> None:
    answer = site.search(**request_)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


def test_a_wrong_filter_is_told_without_the_path_of_the_index(site: Site) -> None:
    answer = site.search(id=site.ids()["0.png"], filter="wide > > 3")
    assert answer.status_code == 400
    assert answer.json()["field"] == "filter"
    assert "filter: is no expression over the fields of an index: " in answer.json()["detail"]
    assert "/" not in answer.json()["detail"]


def test_a_form_is_held_to_the_same_rules(site: Site) -> None:
    answer = site.web.post("/v1/search", files={"image": b"x"}, data={"k": "many"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "k: must be a whole number")
    answer = site.web.post("/v1/search", files={"image": make_image()}, data={"box": "1,2,x"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "box 1,2,x: must be x,y,w,h: four numbers, in pixels")
    answer = site.web.post("/v1/search", files={"image": b"no picture"})
    assert (answer.status_code, answer.json()["detail"].partition(",")[0]) == (400, "not an image")
    answer = site.web.post("/v1/search", content=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_a_page_of_another_site_cannot_search(site: Site) -> None:
    answer = site.web.post("/v1/search", json={"id": "0" * 64}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_a_machine_that_others_reach_tells_no_folders(start_site: Callable[..., Site]) -> None:
    site = start_site(2, http_endpoint="0.0.0.0:0", options={"uploads": None})
    pictures = site.web.get("/v1/pictures").json()["pictures"]
    assert sorted(picture["names"] for picture in pictures) == [["0.png"], ["1.png"]]
    assert site.search(id=pictures[0]["id"]).json()["matches"][0]["names"] == pictures[0]["names"]


def test_an_empty_index_finds_nothing_and_says_so(start_site: Callable[..., Site]) -> None:
    site = start_site(0)
    assert site.status()["count"] == 0
    answer = site.web.post("/v1/search", files={"image": picture_file((1, 2, 3))})
    assert (answer.status_code, answer.json()["matches"]) == (200, [])


def test_the_document_tells_of_all_routes(site: Site) -> None:
    paths = site.web.get("/openapi.json").json()["paths"]
    assert {"/v1/search", "/v1/index", "/v1/index/status", "/v1/pictures/{id}/thumbnail", "/v1/execute"} <= paths.keys()


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("names like '%'", "a list"),
        ("names == 'x'", "a list"),
        ("width > " + "9" * 40, "a number is too large"),
        ("(" * 1900 + "width > 1" + ")" * 1900, "it is nested too deeply"),
        ("width == " + "1+" * 1500 + "1", "it is nested too deeply"),
        ("no such", "there is no field no; there are: id, names, width"),
    ],
)
def test_a_filter_that_cannot_be_evaluated_is_its_senders_fault(
    site: Site, caplog: pytest.LogCaptureFixture, expression: str, reason: str
) -> None:
    answer = site.search(id=site.ids()["0.png"], filter=expression)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
    assert reason in answer.json()["detail"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_null_stands_for_a_field_that_is_absent(site: Site) -> None:
    found = site.search(id=site.ids()["5.png"], url=None, data=None, k=None, filter=None)
    assert len(found.json()["matches"]) == 10


@pytest.mark.parametrize(
    ("path", "field"),
    [("/v1/pictures?limit=0", "limit"), ("/v1/pictures?limit=x", "limit"), ("/v1/pictures/x", "id")],
)
def test_a_wrong_parameter_is_named_as_it_is_written(site: Site, path: str, field: str) -> None:
    problem = site.web.get(path).json()
    assert problem["field"] == field
    assert problem["detail"].startswith(f"{field}: must ")


def test_what_is_proven_says_where_it_lies_and_what_was_done(site: Site) -> None:
    pytest.importorskip("cv2")
    photograph = PILImage.fromarray(pytest.importorskip("skimage.data").coffee()).resize((360, 240))
    original, part = (io.BytesIO() for _ in range(2))
    photograph.save(original, "JPEG", quality=90)
    photograph.crop((90, 60, 270, 180)).rotate(90, expand=True).save(part, "JPEG", quality=90)
    (kept,) = site.web.post("/v1/index", files={"images": original.getvalue()}).json()["pictures"]
    form = {"k": "1", "verify": "true"}
    answer = site.web.post("/v1/search", files={"image": part.getvalue()}, data=form).json()
    (match,) = answer["matches"]
    assert (match["id"], match["is_copy"], match["unverified"]) == (kept["id"], True, "")
    assert match["proof"]["is_copy"]
    assert match["proof"]["edits"] == ["cut to 25 % of the area", "turned by 90° counter-clockwise"]
    corners = [(270, 60), (270, 180), (90, 180), (90, 60)]
    assert np.abs(np.array(match["proof"]["outline"]) - corners).max() < 3
    around = [(-60, 270), (-60, -90), (180, -90), (180, 270)]  # of what it was cut out of, turned with it
    assert np.abs(np.array(match["proof"]["outline_of_original"]) - around).max() < 3
    assert site.status()["verify"]
    again = site.search(id=kept["id"], k=1, verify=True).json()["matches"][0]
    assert (again["id"], again["proof"]["edits"]) == (kept["id"], [])
    assert site.search(id=kept["id"], k=1).json()["matches"][0]["proof"] is None
    refused = site.search(vector=[1, 0, 0], verify=True)
    assert (refused.status_code, "takes a picture" in refused.text) == (400, True)


def test_the_interface_of_the_original_engine_is_there_only_if_it_is_asked_for(site: Site) -> None:
    assert site.web.get("/v1/application").status_code == 404
    assert "/v1/application" not in site.web.get("/openapi.json").json()["paths"]

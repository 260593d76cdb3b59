"""Clients of the extractor, of the site that asks several modules, and of the service that finds copies."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from tests.analyses.routes.originals.conftest import Toys, serving
from tests.analyses.servers import PostgreSQL
from tests.conftest import make_image, make_scene, picture_file, running, unit, wait_until
from tests.toys import RAISES, ToyProcessor
from visop.analyses.listing import Filters, count
from visop.analyses.opening import OperatorChoice
from visop.analyses.states import State

SCENE = make_scene({(200, 0, 0): (10, 5, 20, 10)})
FAILS = make_image(RAISES)


@pytest.mark.parametrize("name", ["descriptors", "extractor"])
def test_the_extractor_answers_all_descriptors_of_one_pass(name: str, toys: Toys, tmp_path: Path) -> None:
    with serving(tmp_path, [toys(name)], "analysis-module") as served:
        record = served.post("/", make_image((30, 20, 10))).json()
    assert [set(entry) for entry in record["result"]] == [{"descriptor", "feature"}] * 2
    features = {entry["descriptor"]: json.loads(entry["feature"]) for entry in record["result"]}
    assert all(np.shape(feature) == (1, 3) for feature in features.values())
    np.testing.assert_allclose(features["MAC"][0], unit((30, 20, 10)), atol=1e-6)
    np.testing.assert_allclose(features["SPoC"][0], unit((10, 20, 30)), atol=1e-6)


def test_the_site_asks_several_modules_and_one_that_fails_fails_alone(toys: Toys, tmp_path: Path) -> None:
    with serving(tmp_path, [toys("colours"), toys("regions"), toys("toy")], "analysis-site") as served:
        answer = served.post("/analyzer/", SCENE, modules="colours, regions")
        assert answer.status_code == 201
        record = answer.json()
        assert set(record) == {"image", "modules", "token", "uploaded_date", "updated_date", "results"}
        colours, regions = record["results"]
        assert (colours["module_name"], regions["module_name"]) == ("colours", "regions")
        assert colours["module_result"][0]["position"] == {"x": 10.0, "y": 5.0, "w": 20.0, "h": 10.0}
        assert len(regions["module_result"]) == 5
        assert served.get(f"/analyzer/{record['token']}/").json() == record
        assert served.get("/analyzer/").json()["results"] == [record]
        every = served.post("/analyzer/", SCENE, modules="").json()
        assert [each["module_name"] for each in every["results"]] == ["colours", "regions", "toy"]
        partly = served.post("/analyzer/", FAILS)
        assert partly.status_code == 201
        failed, worked, other = partly.json()["results"]
        assert failed == {"module_name": "colours", "module_result": [], "error": "the model failed on this input"}
        assert (len(worked["module_result"]), other["error"]) == (5, "the model failed on this input")
        none = served.post("/analyzer/", FAILS, modules="colours,toy")
        assert (none.status_code, none.json()) == (400, ["the model failed on this input"])
        unknown = served.post("/analyzer/", SCENE, modules="colours,none")
        assert unknown.status_code == 400
        assert unknown.json() == ["Module not found. Please check and send again."]
        fewer = requests.patch(
            f"{served.url}/analyzer/{record['token']}/", files={"modules": (None, "toy")}, timeout=20
        )
        assert [each["module_name"] for each in fewer.json()["results"]] == ["toy"]
        assert served.get("/").status_code == 404  # the site has its records below /analyzer/ alone


def test_predict_finds_the_most_similar_or_answers_the_vector(toys: Toys, tmp_path: Path) -> None:
    with serving(tmp_path, [toys("toy")], "analysis-module", "predict") as served:

        def predict(data: bytes, field: str = "file") -> requests.Response:
            return requests.post(f"{served.url}/predict", files={field: ("x.png", data)}, timeout=20)

        first = predict(picture_file((200, 100, 50))).json()
        assert set(first) == {"picture_vector", "picture_norm", "count"}
        assert first["count"] == 0
        vector = [float(number) for number in first["picture_vector"].split(", ")]
        np.testing.assert_allclose(vector, unit((200, 100, 50)), atol=1e-6)
        assert float(first["picture_norm"]) == pytest.approx(1)
        served.post("/", picture_file((190, 110, 50)))
        kept = served.post("/", picture_file((200, 100, 50))).json()
        served.post("/", picture_file((0, 0, 200)))
        again = predict(picture_file((200, 100, 50)))
        assert again.status_code == 200
        assert again.json() == {"result": "fail", "picture_url": kept["image"], "count": 3}
        assert requests.get(again.json()["picture_url"], timeout=20).content == picture_file((200, 100, 50))
        assert "result" not in predict(picture_file((10, 200, 10))).json()
        assert predict(SCENE, "image").status_code == 400
        assert predict(b"no picture").status_code == 400
        assert predict(FAILS).json() == ["the model failed on this input"]
        assert requests.get(f"{served.url}/predict", timeout=20).status_code == 405
        assert served.get("/").json()["count"] == 3  # predict keeps nothing


def test_nobody_waits_without_limit_for_a_module_that_hangs(tmp_path: Path) -> None:
    with running(ToyProcessor()) as hangs:
        hangs.operator.gate.clear()
        hanging = OperatorChoice("hangs", hangs.address)
        with serving(tmp_path, [hanging], "analysis-module", request_timeout_s=0.5) as served:
            began = time.monotonic()
            answer = served.post("/", SCENE)
            assert time.monotonic() - began < 5
            assert answer.status_code in (400, 504)
            hangs.operator.gate.set()
            wait_until(lambda: count(served.service.context.database, Filters(state=State.FAILED)) == 1)
            assert served.get("/").json()["count"] == 0


@pytest.mark.slow  # restarts a server
def test_a_database_that_is_away_is_an_error_at_once_and_work_goes_on_when_it_is_back(
    postgresql: PostgreSQL, toys: Toys, tmp_path: Path
) -> None:
    database = postgresql.new_database()
    with serving(tmp_path, [toys("colours")], "analysis-module", database=database) as served:
        before = served.post("/", SCENE).json()
        postgresql.stop()
        for ask in (lambda: served.post("/", SCENE), lambda: served.get("/"), lambda: served.get("/1/")):
            began = time.monotonic()
            answer = ask()
            assert time.monotonic() - began < 2
            assert (answer.status_code, "does not answer" in answer.json()["detail"]) == (503, True)
        postgresql.start()
        assert served.get(f"/{before['token']}/").json() == before
        assert served.post("/", SCENE).status_code == 201


def test_what_is_over_a_limit_is_refused(toys: Toys, tmp_path: Path) -> None:
    limits: dict[str, Any] = {"max_image_bytes": 4000, "max_message_bytes": 6000, "max_pixels": 10_000}
    with serving(tmp_path, [toys("colours")], "analysis-module", **limits) as served:
        assert served.post("/", SCENE).status_code == 201
        for data, limit in ((bytes(5000), "4,000"), (make_image(size=(200, 100)), "10,000")):
            answer = served.post("/", data)
            assert answer.status_code == 400
            assert limit in answer.json()["image"][1]
        answer = served.post("/", bytes(9000))
        assert (answer.status_code, "6" in answer.json()["detail"]) == (413, True)
        assert served.get("/").json()["count"] == 1

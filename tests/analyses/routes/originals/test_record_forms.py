from __future__ import annotations

import ast
import json
from typing import Any

import numpy as np

from visop.analyses.routes.originals.record_forms import feature_text, media_path, module_record, site_record

ROOT = "http://host:8000"
FACES = {
    "operator": "faces",
    "state": "done",
    "detections": [
        {"box": {"x": 1.0, "y": 2.0, "w": 3.0, "h": 4.0}, "label": "dog", "score": 0.25},
        {"box": {"x": 1.0, "y": 2.0, "w": 3.0, "h": 4.0}, "label": "cat", "score": 0.5},
        {"label": "indoors", "score": 0.125},
    ],
}
BROKEN = {"operator": "broken", "state": "failed", "error": {"code": "INTERNAL", "detail": "the model failed"}}


def record(*results: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": 7,
        "state": "done",
        "picture": {"digest": "0123456789abcdef" * 4, "media_type": "image/jpeg"},
        "operators": [each["operator"] for each in results],
        "results": list(results),
        "created": "2018-09-03T12:34:56.789012Z",
        "updated": "2018-09-03T12:34:58.801220Z",
    }


def test_a_record_has_the_fields_of_the_original_in_its_form() -> None:
    assert module_record(record(FACES), ROOT) == {
        "image": "http://host:8000/media/20180903/7_0123456789abcdef.jpg",
        "token": 7,
        "uploaded_date": "2018-09-03T12:34:56.789012Z",
        "updated_date": "2018-09-03T12:34:58.801220Z",
        "result": [
            {
                "position": {"x": 1.0, "y": 2.0, "w": 3.0, "h": 4.0},
                "label": [{"description": "cat", "score": 0.5}, {"description": "dog", "score": 0.25}],
            },
            {
                "position": {"x": 0.0, "y": 0.0, "w": 0.0, "h": 0.0},
                "label": [{"description": "indoors", "score": 0.125}],
            },
        ],
    }


def test_descriptors_are_text_that_python_and_json_read_as_a_list_of_one_list() -> None:
    vector = np.array([0.1, 0.0, -1e-7], np.float32)
    text = feature_text(vector)
    assert text.startswith("[[0.1, 0.0, ")
    for read in (json.loads, ast.literal_eval):
        assert np.array_equal(np.asarray(read(text), np.float32), vector[None])


def test_descriptors_have_their_names_and_a_vector_that_of_its_operator() -> None:
    several = {"operator": "vgg16", "state": "done", "descriptors": {"MAC": [1.0], "SPoC": [0.5]}, "vector": None}
    one = {"operator": "embedded", "state": "done", "vector": [0.25]}
    assert module_record(record(several, one), ROOT)["result"] == [
        {"descriptor": "MAC", "feature": "[[1.0]]"},
        {"descriptor": "SPoC", "feature": "[[0.5]]"},
        {"descriptor": "embedded", "feature": "[[0.25]]"},
    ]


def test_a_module_that_failed_is_never_one_that_found_nothing() -> None:
    found = site_record(record(FACES, BROKEN), ROOT)
    assert found["modules"] == "faces,broken"
    faces, broken = found["results"]
    assert (faces["module_name"], len(faces["module_result"]), "error" in faces) == ("faces", 2, False)
    assert broken == {"module_name": "broken", "module_result": [], "error": "the model failed"}


def test_the_path_of_a_picture_changes_with_the_picture() -> None:
    first, second = record(FACES), record(FACES)
    second["picture"] = {"digest": "f" * 64, "media_type": "image/png"}
    assert media_path(first) != media_path(second) == "/media/20180903/7_ffffffffffffffff.png"

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime

import numpy as np

from visop.analyses.analyse import Answer
from visop.analyses.models import Analysis, Picture
from visop.analyses.operators import OperatorResult
from visop.analyses.routes.originals.record_forms import feature_text, media_path, module_record, site_record
from visop.analyses.stored import result_rows
from visop.client import FoundPart
from visop.errors import ModelFailed, VisopError

ROOT = "http://host:8000"
BOX = (1.0, 2.0, 3.0, 4.0)
FOUND = (FoundPart(BOX, "cat", 0.5), FoundPart(BOX, "dog", 0.25), FoundPart(None, "indoors", 0.125))
FACES = ("faces", OperatorResult(detections=FOUND))
BROKEN = ("broken", ModelFailed("of no interest to a client"))
TIME = datetime(2018, 9, 3, 12, 34, 56, tzinfo=UTC)


def analysis(*answers: tuple[str, OperatorResult | VisopError], picture: Picture | None = None) -> Analysis:
    return Analysis(
        id=7,
        operators=[name for name, _ in answers],
        picture=picture or Picture(digest="0123456789abcdef" * 4, media_type="image/jpeg"),
        results=result_rows([Answer(name, "", result, 0.0) for name, result in answers]),
        created=TIME,
        updated=TIME.replace(microsecond=801220),
    )


def floats(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def test_a_record_has_the_fields_of_the_original_in_its_form() -> None:
    assert module_record(analysis(FACES), ROOT) == {
        "image": "http://host:8000/media/20180903/7_0123456789abcdef.jpg",
        "token": 7,
        "uploaded_date": "2018-09-03T12:34:56.000000Z",
        "updated_date": "2018-09-03T12:34:56.801220Z",
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
    vector = floats(0.1, 0.0, -1e-7)
    text = feature_text(vector)
    assert text.startswith("[[0.1, 0.0, ")
    for read in (json.loads, ast.literal_eval):
        assert np.array_equal(np.asarray(read(text), np.float32), vector[None])


def test_descriptors_have_their_names_and_a_vector_that_of_its_operator() -> None:
    several = OperatorResult(descriptors={"MAC": floats(1, 0), "SPoC": floats(0.5, 0.25)})
    found = module_record(analysis(("vgg16", several), ("embedded", OperatorResult(vectors=floats(0.125)))), ROOT)
    assert found["result"] == [
        {"descriptor": "MAC", "feature": "[[1.0, 0.0]]"},
        {"descriptor": "SPoC", "feature": "[[0.5, 0.25]]"},
        {"descriptor": "embedded", "feature": "[[0.125]]"},
    ]


def test_a_module_that_failed_is_never_one_that_found_nothing() -> None:
    found = site_record(analysis(FACES, BROKEN), ROOT)
    assert found["modules"] == "faces,broken"
    faces, broken = found["results"]
    assert (faces["module_name"], len(faces["module_result"]), "error" in faces) == ("faces", 2, False)
    assert broken == {"module_name": "broken", "module_result": [], "error": "the model failed on this input"}


def test_the_path_of_a_picture_changes_with_the_picture() -> None:
    other = analysis(FACES, picture=Picture(digest="f" * 64, media_type="image/png"))
    assert media_path(analysis(FACES)) != media_path(other) == "/media/20180903/7_ffffffffffffffff.png"

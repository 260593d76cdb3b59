"""Records in the forms of the originals.

The analysis module and the retrieval extractor have one form and two kinds of results: positions with labels
(``{"position": {...}, "label": [...]}``), and descriptors (``{"descriptor": ..., "feature": "[[...]]"}``). What an
operator is decides which it gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from visop.analyses.models import Analysis, Result
from visop.analyses.record_json import moment
from visop.analyses.states import State
from visop.analyses.stored import descriptors_of, detections_of, vector_of
from visop.client import FoundPart
from visop.contract import Vector
from visop.detection import Detection, Unplaced
from visop.http.body import to_json
from visop.serving.analysis_form import analysis_result

# Of what no operator says the place of; the form has zeros for it, whatever this is.
_ANYWHERE = (0.0, 0.0, 1.0, 1.0)


def module_record(analysis: Analysis, root: str) -> dict[str, Any]:
    """A record of the analysis module, or of the extractor.

    Args:
        analysis: with its picture and its results.
        root: the URL of this server, without a slash at its end.
    """
    entries = [entry for result in analysis.results for entry in entries_of(result)]
    return {**_head(analysis, root), "result": entries}


def site_record(analysis: Analysis, root: str) -> dict[str, Any]:
    """A record of the site that asks several modules. One that failed has no entries, and says why in ``error``."""
    head = {**_head(analysis, root), "modules": ",".join(analysis.operators)}
    return {**head, "results": [_module(result) for result in analysis.results]}


def entries_of(result: Result) -> list[Any]:
    """What one operator found, or its descriptors; nothing if it failed."""
    if (found := detections_of(result)) is not None:
        return list(analysis_result(map(_detection, found)))
    return [{"descriptor": name, "feature": feature_text(each)} for name, each in _descriptors(result).items()]


def feature_text(vector: Vector) -> str:
    """A vector as the extractor writes it: the text of a list that has one list of numbers, each with all digits."""
    return f"[{to_json(vector).decode()}]".replace(",", ", ")


def media_path(analysis: Analysis) -> str:
    """Where the picture is. It is another path once the record is of another picture."""
    if analysis.picture is None:
        return ""
    suffix = analysis.picture.media_type.rpartition("/")[2].replace("jpeg", "jpg")
    return f"/media/{analysis.created:%Y%m%d}/{analysis.id}_{analysis.picture.digest[:16]}.{suffix}"


def _head(analysis: Analysis, root: str) -> dict[str, Any]:
    return {
        "image": root + media_path(analysis),
        "token": analysis.id,
        "uploaded_date": moment(analysis.created),
        "updated_date": moment(analysis.updated),
    }


def _module(result: Result) -> dict[str, Any]:
    found = {"module_name": result.operator, "module_result": entries_of(result)}
    return {**found, "error": result.error} if result.state == State.FAILED else found


def _descriptors(result: Result) -> Mapping[str, Vector]:
    """By name. The vector of an operator that does not name it has the name of the operator."""
    vector = vector_of(result)
    return descriptors_of(result) or ({} if vector is None else {result.operator: vector})


def _detection(part: FoundPart) -> Detection:
    score = 1.0 if part.score is None else part.score
    return Unplaced(_ANYWHERE, part.label, score) if part.box is None else Detection(part.box, part.label, score)

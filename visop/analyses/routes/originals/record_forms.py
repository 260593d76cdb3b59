"""Records in the forms of the originals, made from our own form of a record.

The analysis module and the retrieval extractor have one form and two kinds of results: positions with labels
(``{"position": {...}, "label": [...]}``), and descriptors (``{"descriptor": ..., "feature": "[[...]]"}``). What an
operator is decides which it gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from visop.detection import Detection, Unplaced
from visop.http.body import to_json
from visop.serving.analysis_form import analysis_result

Record = Mapping[str, Any]

# Of what no operator says the place of; the form has zeros for it, whatever this is.
_ANYWHERE = (0.0, 0.0, 1.0, 1.0)


def module_record(record: Record, root: str) -> dict[str, Any]:
    """A record of the analysis module, or of the extractor.

    Args:
        record: as ``/analyses/ID`` answers it, with vectors; arrays may stand for lists of numbers.
        root: the URL of this server, without a slash at its end.
    """
    entries = [entry for result in record["results"] for entry in entries_of(result)]
    return {"image": root + media_path(record), **_dates(record), "result": entries}


def site_record(record: Record, root: str) -> dict[str, Any]:
    """A record of the site that asks several modules. One that failed has no entries, and says why in ``error``."""
    head = {"image": root + media_path(record), "modules": ",".join(record["operators"])}
    return {**head, **_dates(record), "results": [_module(result) for result in record["results"]]}


def entries_of(result: Record) -> list[Any]:
    """What one operator found, or its descriptors; nothing if it failed."""
    if result["state"] != "done":
        return []
    if result.get("detections") is not None:
        return list(analysis_result(map(_detection, result["detections"])))
    named = result.get("descriptors") or {result["operator"]: result["vector"]}
    return [{"descriptor": name, "feature": feature_text(vector)} for name, vector in named.items()]


def feature_text(vector: Any) -> str:
    """A vector as the extractor writes it: the text of a list that has one list of numbers."""
    numbers = to_json(np.asarray(vector, np.float32)).decode()
    return f"[{numbers}]".replace(",", ", ")


def media_path(record: Record) -> str:
    """Where the picture is. It is another path once the record is of another picture."""
    picture = record["picture"]
    day = str(record["created"])[:10].replace("-", "")
    suffix = picture["media_type"].rpartition("/")[2].replace("jpeg", "jpg")
    return f"/media/{day}/{record['id']}_{picture['digest'][:16]}.{suffix}"


def _dates(record: Record) -> dict[str, Any]:
    return {"token": record["id"], "uploaded_date": record["created"], "updated_date": record["updated"]}


def _module(result: Record) -> dict[str, Any]:
    found = {"module_name": result["operator"], "module_result": entries_of(result)}
    return found if result["state"] == "done" else {**found, "error": result["error"]["detail"]}


def _detection(part: Record) -> Detection:
    box = part.get("box")
    if box is None:
        return Unplaced(_ANYWHERE, part["label"], part["score"])
    return Detection((box["x"], box["y"], box["w"], box["h"]), part["label"], part["score"])

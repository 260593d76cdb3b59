"""Records as JSON. Vectors stay arrays, which ``to_json`` writes ten times as fast as lists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from visop.analyses.models import Analysis, Picture, Result
from visop.analyses.stored import descriptors_of, detections_of, vector_of
from visop.client import FoundPart


def record_json(analysis: Analysis, *, vectors: bool = True) -> dict[str, Any]:
    """A record; ``vectors``: whether the numbers of its results are told, too."""
    found: dict[str, Any] = {
        "id": analysis.id,
        "state": analysis.state,
        "picture": _picture(analysis.id, analysis.picture) if analysis.picture else None,
        "source": analysis.source,
        "operators": analysis.operators,
        "results": [_result(each, vectors=vectors) for each in analysis.results],
        "job": analysis.job_id,
        "attempts": analysis.attempts,
        "created": moment(analysis.created),
        "updated": moment(analysis.updated),
        "started": moment(analysis.started),
        "finished": moment(analysis.finished),
    }
    if analysis.owner:
        found["owner"] = analysis.owner
    if analysis.error_code:
        found["error"] = error_json(analysis.error_code, analysis.error)
    return found


def error_json(code: str, detail: str | None) -> dict[str, str]:
    """An error, as a problem tells it."""
    return {"code": code, "detail": detail or ""}


def moment(when: datetime | None) -> str | None:
    """A time, ISO 8601 in UTC, with microseconds and ``Z``."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z") if when else None


def _picture(id_: int, picture: Picture) -> dict[str, Any]:
    return {
        "digest": picture.digest,
        "size": picture.size,
        "width": picture.width,
        "height": picture.height,
        "media_type": picture.media_type,
        "url": f"/analyses/{id_}/picture",
    }


def _result(result: Result, *, vectors: bool) -> dict[str, Any]:
    head: dict[str, Any] = {"operator": result.operator, "fingerprint": result.fingerprint, "state": result.state}
    if result.error_code:
        head["error"] = error_json(result.error_code, result.error)
        return {**head, "seconds": result.seconds}
    return {**head, "dimension": result.dimension, **_output(result, vectors=vectors), "seconds": result.seconds}


def _output(result: Result, *, vectors: bool) -> dict[str, Any]:
    output = result.output or {}
    if "detections" in output:
        return {"detections": [_detection(each) for each in detections_of(result, vectors=vectors) or ()]}
    if "descriptors" in output:
        return {"descriptors": descriptors_of(result) if vectors else dict.fromkeys(output["descriptors"])}
    return {"vector": vector_of(result)} if vectors else {}


def _detection(part: FoundPart) -> dict[str, Any]:
    found: dict[str, Any] = {
        "box": dict(zip("xywh", part.box, strict=True)) if part.box else None,
        "label": part.label,
        "score": part.score,
        "keypoints": [{"x": x, "y": y} for x, y in part.keypoints],
    }
    return found if part.vector is None else {**found, "vector": part.vector}

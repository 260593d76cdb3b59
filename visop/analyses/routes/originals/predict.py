"""``POST /predict`` of the service that finds copied pictures: is there one like this, and if not, its vector.

It compares with the vectors that the database has of the same operator, and keeps nothing itself, as the original.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from visop.analyses.database import Database
from visop.analyses.models import Analysis, Result
from visop.analyses.operators import OperatorResult, RunsOperator
from visop.analyses.routes.originals.kept_analyses import KeptAnalyses
from visop.analyses.routes.originals.record_forms import media_path
from visop.analyses.routes.originals.records_router import root_of
from visop.analyses.routes.originals.refusals import of_module
from visop.analyses.routes.originals.upload import parts_of, required, upload_of
from visop.analyses.routes.owner import owner_of
from visop.analyses.states import State
from visop.contract import Vector
from visop.errors import ModelFailed, UsageError, VisopError
from visop.http.body import Body, to_json
from visop.http.endpoint import Endpoint, Task
from visop.sources import is_url
from visop.vectors import normalise

_FILE = "file"
_ROWS = 4096  # of the database at once


@dataclass(frozen=True)
class Nearest:
    """The most similar of the stored vectors.

    Attributes:
        analysis: its id; None if there is none.
        cosine: with it.
        count: how many were compared.
    """

    analysis: int | None = None
    cosine: float = -1.0
    count: int = 0


def predict_router(kept: KeptAnalyses, endpoint: Endpoint, similar: float) -> APIRouter:
    """The route.

    Args:
        kept: the analyses.
        endpoint: serves requests.
        similar: from which cosine on, -1 to 1, two pictures are similar.
    """
    router = APIRouter(include_in_schema=False)

    @router.post("/predict")
    async def predict(request: Request) -> Response:
        root, owner = root_of(request), owner_of(request)
        return await endpoint.serve(request, lambda body: _task(kept, body, root, owner, similar))

    return router


def nearest(database: Database, operator: str, fingerprint: str, vector: Vector, owner: str = "") -> Nearest:
    """Compare a vector with all that are stored of one operator.

    Args:
        database: with the results.
        operator: its name.
        fingerprint: of its vector space; others are not compared with.
        vector: of unit length.
        owner: whose analyses.
    """
    best = Nearest()
    chosen = (
        select(Result.analysis_id, Result.vector)
        .join(Analysis, Analysis.id == Result.analysis_id)
        .where(Result.operator == operator, Result.fingerprint == fingerprint, Result.state == State.DONE)
        .where(Analysis.owner == owner, Analysis.state == State.DONE, Result.vector.is_not(None))
        .order_by(Result.analysis_id)
        .execution_options(yield_per=_ROWS)
    )
    with database.reading() as session:
        for rows in session.execute(chosen).partitions():
            best = _better(best, [(id_, data) for id_, data in rows if data and len(data) == vector.nbytes], vector)
    return best


def _better(best: Nearest, rows: list[tuple[int, bytes]], vector: Vector) -> Nearest:
    if not rows:
        return best
    stored = np.frombuffer(b"".join(data for _, data in rows), "<f4").reshape(len(rows), -1)
    cosines = stored @ vector / np.maximum(np.linalg.norm(stored, axis=1), np.finfo(np.float32).tiny)
    first, count = int(cosines.argmax()), best.count + len(rows)
    if cosines[first] > best.cosine:
        return Nearest(rows[first][0], float(cosines[first]), count)
    return Nearest(best.analysis, best.cosine, count)


def _task(kept: KeptAnalyses, body: Body, root: str, owner: str, similar: float) -> Task:
    upload = required(upload_of(parts_of(body), _FILE), _FILE)

    def answer(_: Any) -> bytes:
        kept.check(upload, _FILE)
        operator = _encoder_of(kept)
        vector = _vector_of(operator, upload.data, kept.context.settings.request_timeout_s)
        found = nearest(kept.context.database, operator.name, operator.info.fingerprint, vector, owner)
        if found.analysis is not None and found.cosine >= similar:
            return to_json(_similar(kept, found, root, owner))
        return to_json(_other(vector, found.count))

    return Task((), answer, is_work=True)


def _encoder_of(kept: KeptAnalyses) -> RunsOperator:
    """The first operator that gives a vector of a whole picture."""
    for operator in kept.context.operators.values():
        if operator.info.type == "encoder" and not operator.info.parts:
            return operator
    raise UsageError("", "", "this service has no encoder, whose vectors could be compared")


def _vector_of(operator: RunsOperator, data: bytes, timeout_s: float) -> Vector:
    [result] = operator.run([data], timeout_s)
    if isinstance(result, VisopError):
        raise of_module(result)
    return _one_vector(result)


def _one_vector(result: OperatorResult) -> Vector:
    """The vector, or the descriptors side by side, as the database has them; of unit length."""
    several = [] if result.vectors is None else [result.vectors]
    vector = normalise(np.concatenate([*several, *(result.descriptors or {}).values()]))
    if isinstance(vector, ModelFailed):
        raise vector
    return vector


def _similar(kept: KeptAnalyses, found: Nearest, root: str, owner: str) -> dict[str, Any]:
    """In the words of both versions of the original: clients look for one or the other."""
    analysis = kept.done(found.analysis or 0, owner)
    url = analysis.source if is_url(analysis.source) else root + media_path(analysis)
    return {"result": "fail", "picture_url": url, "count": found.count}


def _other(vector: Vector, count: int) -> dict[str, Any]:
    """The numbers as text, as the original has them, and with all digits, which it cut off."""
    numbers = to_json(vector).decode()[1:-1].replace(",", ", ")
    norm = float(np.linalg.norm(vector.astype(np.float64)))
    return {"picture_vector": numbers, "picture_norm": str(round(norm, 6)), "count": count}

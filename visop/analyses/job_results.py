"""The results of a job as a file that is written while it is read, with no more than a page of it in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from visop.analyses.database import Database
from visop.analyses.models import Analysis, Result
from visop.analyses.record_json import record_json
from visop.analyses.states import State
from visop.analyses.stored import vector_of
from visop.errors import UsageError
from visop.http.body import to_json

_PAGE = 200
# A picture more or less is a row more or less: groups of this many are read back fast.
_ROW_GROUP = 5000

NDJSON, PARQUET = "application/x-ndjson", "application/vnd.apache.parquet"


def ndjson_of(database: Database, job_id: int, state: str | None) -> Iterator[bytes]:
    """A record per line, in the order of the pictures."""
    for page in _pages(database, job_id, state):
        yield b"".join(to_json(record_json(each)) + b"\n" for each in page)


def parquet_of(database: Database, job_id: int, state: str | None) -> Iterator[bytes]:
    """A row for each picture and operator.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise UsageError("format", "parquet", "needs a package: pip install 'visop[parquet]'") from None
    return _written(pa, parquet, _pages(database, job_id, state))


def _written(arrow: Any, parquet: Any, pages: Iterator[Sequence[Analysis]]) -> Iterator[bytes]:
    schema, sink = _schema(arrow), _Sink()
    rows: list[dict[str, Any]] = []
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for page in pages:
            rows += [row for analysis in page for row in _rows(analysis)]
            if len(rows) >= _ROW_GROUP:
                writer.write_table(arrow.Table.from_pylist(rows, schema))
                rows = []
                yield sink.take()
        writer.write_table(arrow.Table.from_pylist(rows, schema))
    yield sink.take()


def _pages(database: Database, job_id: int, state: str | None) -> Iterator[Sequence[Analysis]]:
    last = -1
    while page := _page(database, job_id, state, last):
        yield page
        last = page[-1].item or 0


def _page(database: Database, job_id: int, state: str | None, last: int) -> Sequence[Analysis]:
    ends = [state] if state else [State.DONE, State.FAILED, State.CANCELLED]
    chosen = select(Analysis).where(Analysis.job_id == job_id, Analysis.state.in_(ends), Analysis.item > last)
    loads = joinedload(Analysis.picture), selectinload(Analysis.results)
    with database.reading() as session:
        return session.scalars(chosen.order_by(Analysis.item).limit(_PAGE).options(*loads)).all()


def _schema(arrow: Any) -> Any:
    text, number = arrow.string(), arrow.float32()
    found = arrow.struct(
        [("x", number), ("y", number), ("w", number), ("h", number), ("label", text), ("score", number)]
    )
    return arrow.schema(
        [
            ("id", arrow.int64()), ("item", arrow.int64()), ("source", text), ("digest", text), ("state", text),
            ("operator", text), ("fingerprint", text), ("error_code", text), ("error", text),
            ("vector", arrow.list_(number)), ("detections", arrow.list_(found)), ("seconds", arrow.float64()),
        ]
    )  # fmt: skip


def _rows(analysis: Analysis) -> Iterator[dict[str, Any]]:
    head = {"id": analysis.id, "item": analysis.item, "source": analysis.source, "digest": analysis.digest}
    if not analysis.results:
        error = {"error_code": analysis.error_code, "error": analysis.error}
        yield {**head, "state": analysis.state, **error}
    for result in analysis.results:
        yield {**head, **_of_result(result)}


def _of_result(result: Result) -> dict[str, Any]:
    found = (result.output or {}).get("detections")
    return {
        "state": result.state,
        "operator": result.operator,
        "fingerprint": result.fingerprint,
        "error_code": result.error_code,
        "error": result.error,
        "vector": vector_of(result),
        "detections": None if found is None else [_detection(each) for each in found],
        "seconds": result.seconds,
    }


def _detection(told: dict[str, Any]) -> dict[str, Any]:
    box = dict(zip("xywh", told["box"], strict=True)) if told["box"] else {}
    return {**box, "label": told["label"], "score": told["score"]}


class _Sink(io.RawIOBase):
    """A file that is written, and whose content is taken away meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def tell(self) -> int:
        return self._size

    def take(self) -> bytes:
        """What was written since it was asked last."""
        parts, self._parts = self._parts, []
        return b"".join(parts)

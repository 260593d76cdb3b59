"""The picture of a record: its file, a small version, and one with the boxes drawn onto it."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from visop.analyses.models import Analysis
from visop.analyses.pictures import Pictures
from visop.analyses.records import Records
from visop.analyses.routes.analyses import Id
from visop.analyses.routes.owner import seen_by
from visop.analyses.stored import detections_of
from visop.detection import Detection
from visop.errors import NotFound
from visop.http.endpoint import Endpoint
from visop.http.openapi import FILE, READ_PROBLEMS, answers
from visop.images.decode_process import decode_in_process
from visop.images.overlay import overlay_file
from visop.images.thumbnail import size_of, thumbnail

# Pictures that are decoded at the same time: one of 50 megapixels takes 150 MB.
_AT_ONCE = threading.BoundedSemaphore(3)

_QUALITY = 90

# A record may get another picture, and its results change. Only the browser that asked may keep the file.
_CONTROL = "private, no-cache"
_DOWNLOAD = "application/octet-stream"


def picture_router(records: Records, pictures: Pictures, endpoint: Endpoint) -> APIRouter:
    """Below ``/analyses/{id}``."""
    router, files = APIRouter(tags=["analyses"]), _Files(records, pictures)

    @router.get("/analyses/{id}/picture", summary="The picture", responses=_file("image/*", _DOWNLOAD))
    async def picture(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """The file as it was sent or fetched."""
        return await endpoint.look(request, lambda: files.picture(id, request))

    @router.get("/analyses/{id}/thumbnail", summary="A small picture", responses=_file("image/webp"))
    async def small(
        id: Id,  # noqa: A002 - the name in the path
        request: Request,
        side: Literal["320", "1280"] = "320",
        digest: Annotated[str, Query(max_length=64, description="Of the picture; only tells addresses apart.")] = "",
    ) -> Response:
        """Neither side longer than `side` pixels, upright, without the metadata of the file."""
        return await endpoint.look(request, lambda: files.thumbnail(id, int(side), request))

    @router.get("/analyses/{id}/overlay", summary="The picture with its boxes", responses=_file("image/jpeg"))
    async def overlay(
        id: Id,  # noqa: A002 - the name in the path
        request: Request,
        operator: Annotated[str | None, Query(max_length=200, description="Whose; of all, if left out.")] = None,
        side: Annotated[int | None, Query(ge=64, le=4096, description="In pixels; that of the file.")] = None,
    ) -> Response:
        """What was found is drawn onto it, with labels and scores."""
        return await endpoint.look(request, lambda: files.overlay(id, operator, side, request))

    return router


class _Files:
    def __init__(self, records: Records, pictures: Pictures) -> None:
        self._records, self._pictures = records, pictures

    def picture(self, id_: int, request: Request) -> Response:
        found = self._record(id_, request)
        media_type = found.picture.media_type if found.picture else _DOWNLOAD
        answer = _kept(request, str(found.digest), media_type, lambda: self._read(found))
        if media_type == _DOWNLOAD:  # what a browser does not show as a picture it must not run
            answer.headers["Content-Disposition"] = "attachment"
        return answer

    def thumbnail(self, id_: int, side: int, request: Request) -> Response:
        found = self._record(id_, request)

        def made() -> bytes:
            file = io.BytesIO()
            with _AT_ONCE:
                thumbnail(self._read(found), self._pictures.limits, side).save(file, "WEBP", quality=80)
            return file.getvalue()

        return _kept(request, f"{found.digest}-{side}", "image/webp", made)

    def overlay(self, id_: int, operator: str | None, side: int | None, request: Request) -> Response:
        found = self._record(id_, request)
        if operator is not None and operator not in found.operators:
            raise NotFound(f"analysis {id_} was not given to an operator of this name")

        def made() -> bytes:
            data = self._read(found)
            with _AT_ONCE:
                image = decode_in_process(data, self._pictures.limits, decode_side=side)
                size = size_of(data)
                known = size if all(size) else (image.shape[1], image.shape[0])
                return overlay_file(image, _boxes(found, operator), known, _QUALITY)

        version = f"{found.digest}-{found.updated.timestamp()}-{operator or ''}-{side or ''}"
        return _kept(request, version.encode("ascii", "xmlcharrefreplace").decode(), "image/jpeg", made)

    def _record(self, id_: int, request: Request) -> Analysis:
        found = self._records.get(id_, seen_by(request))
        if found.digest is None:
            raise NotFound(f"analysis {id_} has no picture")
        return found

    def _read(self, analysis: Analysis) -> bytes:
        return self._pictures.store.read(analysis.digest or "")


def _boxes(analysis: Analysis, operator: str | None) -> list[Detection]:
    return [
        Detection(part.box, part.label, part.score or 0.0, part.keypoints)
        for result in analysis.results
        if operator in (None, result.operator)
        for part in detections_of(result, vectors=False) or ()
        if part.box
    ]


def _kept(request: Request, version: str, media_type: str, make: Callable[[], bytes]) -> Response:
    """A file, unless the browser has it."""
    headers = {"ETag": f'"{version}"', "Cache-Control": _CONTROL}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(make(), headers=headers, media_type=media_type)


def _file(*media_types: str) -> dict[int | str, dict[str, object]]:
    content = {each: {"schema": FILE} for each in media_types}
    return answers({"description": "The file.", "content": content}, *READ_PROBLEMS, 404)

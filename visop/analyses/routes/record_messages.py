"""Records in the OpenAPI document; ``record_json`` makes them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from visop.analyses.states import State


class RecordError(BaseModel):
    """What went wrong, as a problem tells it."""

    code: str = Field(description="The name of the status of gRPC.", examples=["INVALID_ARGUMENT"])
    detail: str = Field(examples=["not an image: no known format"])


class RecordPicture(BaseModel):
    """The picture of an analysis."""

    digest: str = Field(description="SHA-256 of the file, hexadecimal.")
    size: int = Field(description="In bytes.")
    width: int | None = Field(description="In pixels, upright; null if its header does not say.")
    height: int | None
    media_type: str = Field(examples=["image/jpeg"])
    url: str = Field(description="Where the file is, on this server.", examples=["/analyses/7/picture"])


class RecordBox(BaseModel):
    """In pixels of the upright picture, in the resolution of its file."""

    x: float
    y: float
    w: float
    h: float


class RecordPoint(BaseModel):
    """In the same pixels."""

    x: float
    y: float


class RecordDetection(BaseModel):
    """What was found in a picture."""

    box: RecordBox | None = Field(description="null if the operator does not say where it was.")
    label: str
    score: float | None
    keypoints: list[RecordPoint]
    vector: list[float] | None = Field(None, description="Of a pipeline.")


class RecordResult(BaseModel):
    """What one operator made of the picture, or why it did not."""

    operator: str
    fingerprint: str
    state: Literal["done", "failed"]
    dimension: int | None = None
    vector: list[float] | None = Field(None, description="Of an encoder. Lists have none unless they are asked to.")
    detections: list[RecordDetection] | None = Field(None, description="Of a processor or a pipeline.")
    descriptors: dict[str, list[float] | None] | None = Field(None, description="Several vectors of one pass, by name.")
    error: RecordError | None = None
    seconds: float


class Record(BaseModel):
    """An analysis."""

    id: int
    state: State
    picture: RecordPicture | None = Field(description="null until a URL is fetched, or if it is no picture.")
    source: str = Field(description="The URL, or the name of the file.")
    operators: list[str]
    results: list[RecordResult] = Field(description="In the order of the operators; none until they answered.")
    error: RecordError | None = Field(None, description="Why the analysis failed: no operator gave a result.")
    owner: str | None = Field(None, description="The name of the token that made it, where tokens are asked for.")
    job: int | None
    attempts: int
    created: str
    updated: str
    started: str | None
    finished: str | None


class RecordList(BaseModel):
    """A page of analyses."""

    analyses: list[Record]
    next: str | None = Field(description="The next page, on this server; null for the last one.")

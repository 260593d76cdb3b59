"""``GET /v1/identity``: Identity of ``rpc.proto``, in the JSON mapping of protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from visop.http.openapi import problem_answers


class Limits(BaseModel):
    """Everything above these is refused. 64-bit integers, and therefore strings."""

    model_config = ConfigDict(extra="forbid")

    maxItems: str = Field(description="Inputs per request.")  # noqa: N815 - the JSON mapping's name
    maxImageBytes: str = Field(description="Of one encoded image.")  # noqa: N815
    maxPixels: str = Field(description="Of one decoded image, width x height.")  # noqa: N815
    maxMessageBytes: str = Field(description="Of one request.")  # noqa: N815


class Identity(BaseModel):
    """What this operator is. The first seven are strings even where they hold numbers."""

    model_config = ConfigDict(extra="forbid")

    name: str
    endpoint: str = Field(description="Where gRPC is served.")
    type: str = Field(examples=["encoder"])
    input: str = Field(examples=["image"])
    output: str = Field(examples=["vector"])
    dimension: str = Field(examples=["512"])
    metricType: str = Field(examples=["L2"])  # noqa: N815
    fingerprint: str = Field(description="Names the vector space: vectors with two fingerprints cannot be compared.")
    version: str = Field(description="Of the software that serves.")
    formats: list[str] = Field(description="Image formats that are accepted.", examples=[["JPEG", "PNG"]])
    limits: Limits
    precision: str = Field(description="The precision of the arithmetic; empty if unknown.", examples=["bf16"])
    olderFingerprints: list[str] = Field(  # noqa: N815
        description="Names that earlier versions gave the same vector space."
    )
    labels: list[str] = Field(description="What a processor may find; empty if it does not say.")
    parts: str = Field(
        description="The processor of a pipeline; empty if pictures are encoded whole.", examples=["regions:10"]
    )
    descriptors: list[str] = Field(
        description="Names of the descriptors that a vector has side by side, each as long as the others; empty if it "
        "is one."
    )
    workers: int = Field(description="Processes with the model, each of which serves calls.")


def identity_router(identity: Mapping[str, Any]) -> APIRouter:
    """The route. ``identity`` is what gRPC answers, and must be an ``Identity``."""
    router = APIRouter()
    found = Identity.model_validate(identity)

    @router.get("/v1/identity", summary="What this operator is", responses=problem_answers(421))
    async def identify() -> Identity:
        """Name, dimension, metric, fingerprint and limits."""
        return found

    return router

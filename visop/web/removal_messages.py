"""What the routes that take pictures out of the index take and answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from visop.http.body import Body
from visop.http.message import Message
from visop.search.schema import MAX_NAME_BYTES
from visop.web.messages import ID_PATTERN, MAX_FILTER_CHARS, FoundPicture

#: Pictures that an answer names; it counts all.
MOST_TOLD = 100

_MOST = 1000
_MOST_FOLDERS = 100

_Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_BYTES)]
_Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]


class RemovalRequest(Message):
    """What to take out of the index: everything that is meant by any of the fields."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"filter": "width < 200", "dry_run": True}]}
    )

    names: list[_Name] = Field(
        [], max_length=_MOST, description="Paths and URLs, as answers have them; only where answers tell folders."
    )
    folders: list[_Name] = Field(
        [], max_length=_MOST_FOLDERS, description="Everything below them; only where answers tell folders."
    )
    ids: list[_Id] = Field([], max_length=_MOST, description="Pictures by their SHA-256, with all their names.")
    filter: str = Field(
        "", max_length=MAX_FILTER_CHARS, description="Every picture that this holds for, as in `/v1/search`."
    )
    dry_run: bool = Field(False, description="Change nothing, and only say what would be removed.")


class RemovalReply(BaseModel):
    """What left the index. No file is touched but those that were uploaded here."""

    removed: int = Field(description="How many pictures left the index.")
    names: int = Field(description="How many names were taken from pictures that stay under another one.")
    missing: list[str] = Field(description="Names, folders and ids that matched nothing.")
    pictures: list[FoundPicture] = Field(description=f"Those that left, the first {MOST_TOLD} by id.")
    can_undo: bool = Field(description="Whether `PUT /v1/pictures/{id}` puts them all back.")


def parse_removal(body: Body) -> RemovalRequest:
    """Read a body as JSON.

    Raises:
        UsageError, InvalidInput, UnsupportedBody: it is no such request.
    """
    return body.json(RemovalRequest, _MOST)

"""What the routes of the pictures of an index take and answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from visop.errors import InvalidInput, UsageError
from visop.http.body import JSON, Body
from visop.http.message import Message
from visop.http.problems import Problem
from visop.search.attributes import MAX_ATTRIBUTES, Attribute
from visop.serving.pipeline import Input
from visop.web.messages import FoundMatch, FoundPicture, Value

_DATA = "An image file in base64, bare or as a data URI (`data:;base64,...`)"
_ATTRIBUTES = "Of those that the index has: name to value; times in seconds since 1970."
_URL = "http or https address of an image file, which stays there: it is fetched again to be shown."


class NewPicture(Message):
    """A picture to add, as exactly one of `url` and `data`."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(None, description=_URL)
    data: str | None = Field(None, description=_DATA)
    attributes: dict[str, Value] = Field({}, max_length=MAX_ATTRIBUTES, description=_ATTRIBUTES)


class _Attributes(Message):
    model_config = ConfigDict(extra="forbid")

    attributes: dict[str, Value] = Field({}, max_length=MAX_ATTRIBUTES)


class AddRequest(Message):
    """Pictures to add to an index; in a form, `images` are the files themselves."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"pictures": [{"url": "https://example.org/cat.jpg"}]}]}
    )

    pictures: list[NewPicture] = Field(min_length=1, description="At most OP_MAX_ITEMS.")
    unless_copy: bool = Field(
        False,
        description="Keep only what is no copy of a picture of the index, nor of another one of this request before "
        "it; the answer says what the others are copies of.",
    )


class Change(Message):
    """What changes of a picture."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"attributes": {"price": 12.5}}]})

    attributes: dict[str, Value | None] = Field(
        max_length=MAX_ATTRIBUTES, description="Name to value; null takes an attribute away. Others stay as they are."
    )


class AddResult(BaseModel):
    """What became of one picture."""

    status: Literal["added", "known", "copy", "failed"] = Field(
        description="`known`: this very file was in the index. `copy`: it was not kept, as `copy_of` was there before."
    )
    picture: FoundPicture | None = Field(description="As it is in the index; null if it is not.")
    copy_of: FoundMatch | None = Field(description="What it is a copy of; only with `unless_copy`.")
    problem: Problem | None = Field(description="Why it failed.")


class AddReply(BaseModel):
    """What became of each picture."""

    added: int = Field(description="How many are new in the index.")
    results: list[AddResult] = Field(description="In the order they were sent.")


class PicturePage(BaseModel):
    """Some pictures of an index, by id."""

    pictures: list[FoundPicture]
    next: str | None = Field(description="The `cursor` of the next page; null if this is the last one.")


@dataclass(frozen=True)
class ToAdd:
    """What a request adds.

    Attributes:
        inputs: one for each picture.
        attributes: of each picture.
        unless_copy: as of ``AddRequest``.
    """

    inputs: Sequence[Input]
    attributes: Sequence[Mapping[str, Attribute]]
    unless_copy: bool


def parse_add(body: Body, max_items: int) -> ToAdd:
    """JSON or a form to the pictures that it adds.

    Raises:
        UsageError, InvalidInput: not such a request.
        UnsupportedBody: neither JSON nor a form.
    """
    if body.is_form:
        return _from_form(body.form(2 * max_items + 1))
    request = body.json(AddRequest, 2 * max_items, or_form=True)
    if len(request.pictures) > max_items:
        raise UsageError("pictures", len(request.pictures), f"at most {max_items} in one request")
    inputs = [_input(f"pictures[{number}]", each) for number, each in enumerate(request.pictures)]
    return ToAdd(inputs, [each.attributes for each in request.pictures], request.unless_copy)


def _input(name: str, picture: NewPicture) -> Input:
    if (picture.url is None) == (picture.data is None):
        raise UsageError(name, "", "must have exactly one of url and data")
    if picture.url is not None:
        return Input(f"{name}.url", picture.url, is_url=True)
    return Input(f"{name}.data", picture.data or "")


def _from_form(parts: dict[str, list[bytes]]) -> ToAdd:
    files = parts.pop("images", [])
    attributes = [_attributes(each) for each in parts.pop("attributes", [b"{}"])]
    unless_copy = parts.pop("unless_copy", [b"false"])[-1]
    if parts:
        raise InvalidInput(f"{min(parts)[:40]!r}: there is no such part; there are images, attributes and unless_copy")
    if not files:
        raise UsageError("images", "", "must be one file or more")
    if unless_copy not in (b"true", b"false"):
        raise UsageError("unless_copy", "", "must be true or false")
    if len(attributes) not in (1, len(files)):
        raise UsageError("attributes", "", f"must be one object for all {len(files)} images, or one for each")
    inputs = [Input(f"images[{number}]", file) for number, file in enumerate(files)]
    return ToAdd(inputs, attributes * len(files) if len(attributes) == 1 else attributes, unless_copy == b"true")


def _attributes(part: bytes) -> Mapping[str, Attribute]:
    return Body(b'{"attributes":%b}' % part, JSON).json(_Attributes, MAX_ATTRIBUTES).attributes


def parse_change(body: Body) -> Mapping[str, Attribute | None]:
    """The attributes that change; None takes one away.

    Raises:
        UsageError, InvalidInput, UnsupportedBody: it is no such request.
    """
    return body.json(Change, MAX_ATTRIBUTES).attributes

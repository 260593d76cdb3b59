"""What the routes of copies take and answer."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from visop.http.body import Body
from visop.http.message import Message
from visop.search.duplicates import Group
from visop.search.schema import MAX_NAME_BYTES
from visop.web.messages import FoundPicture

_MOST_GROUPS = 100
_MOST_FILES = 1000

_Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_BYTES)]
_List = Annotated[str, StringConstraints(max_length=100)]


class GroupPicture(FoundPicture):
    """A picture of a group."""

    likeness: float = Field(description="Mean cosine with the others of its group.")


class CopyGroup(BaseModel):
    """Pictures that are copies of each other."""

    closest: float = Field(description="The highest cosine of two of them; 1 if a content has several names.")
    loosest: float = Field(description="The cosine of the one that fits worst with the one most like it.")
    why: str = Field(description="What speaks for keeping the first one.", examples=["the most pixels"])
    pictures: list[GroupPicture] = Field(description="The one to keep first.")

    @classmethod
    def of(cls, group: Group, *, whole_names: bool) -> Self:
        """The message of a group."""
        pictures = [
            GroupPicture.of(picture, whole_names=whole_names, likeness=likeness)
            for picture, likeness in zip(group.pictures, group.likeness, strict=True)
        ]
        return cls(closest=group.closest, loosest=group.loosest, why=group.why, pictures=pictures)


class DuplicatesReply(BaseModel):
    """The groups of copies, as far as they are known."""

    state: Literal["idle", "running", "done", "failed"] = Field(description="`idle` before the first search.")
    done: int = Field(description="Pictures compared, and groups whose files were looked at.")
    total: int = Field(description="Of both, as far as is known.")
    message: str = Field(description="Why it failed.")
    rule: str = Field(description="By which pictures are copies.")
    count: int = Field(description="How many groups there are.")
    groups: list[CopyGroup] = Field(description="Those that were asked for, the most certain first.")
    whole_names: bool = Field(description="Whether names have their folders.")
    move_to: str | None = Field(description="The folder that copies are moved into; null if they are not moved here.")


class GroupChoice(Message):
    """What is kept of a group, and what is moved; both by name, of one group that was found."""

    model_config = ConfigDict(extra="forbid")

    keep: list[_Name] = Field(min_length=1, max_length=_MOST_FILES)
    move: list[_Name] = Field(min_length=1, max_length=_MOST_FILES)


class MoveRequest(Message):
    """What to move away."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"groups": [{"keep": ["/p/a.jpg"], "move": ["/p/copy of a.jpg"]}]}]},
    )

    groups: list[GroupChoice] = Field(min_length=1, max_length=_MOST_GROUPS)
    undo_list: _List = Field("", description="The list of an earlier answer, to go on with; else a new one is begun.")


class UndoRequest(Message):
    """What to move back."""

    model_config = ConfigDict(extra="forbid")

    undo_list: _List = Field(description="As an answer of `/v1/duplicates/move` has it.")


class LeftFile(BaseModel):
    """A file that stays where it is."""

    name: str
    reason: str = Field(examples=["has changed since it was indexed"])


class MoveReply(BaseModel):
    """What was moved, there or back."""

    moved: list[str] = Field(description="Files, by their name before they were moved.")
    left: list[LeftFile] = Field(description="Files that stay where they are, and why.")
    undo_list: str = Field(description="The name of the list by which they are moved back; empty if nothing was moved.")


def parse_move(body: Body) -> MoveRequest:
    """Read a body as JSON. Raises UsageError, InvalidInput or UnsupportedBody if it is no such request."""
    return body.json(MoveRequest, 10 * _MOST_FILES)


def parse_undo(body: Body) -> UndoRequest:
    """Read a body as JSON. Raises as ``parse_move``."""
    return body.json(UndoRequest, 1)

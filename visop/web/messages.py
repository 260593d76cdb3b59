"""What the search routes take and answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, StrictBool, StrictFloat, StrictInt, StrictStr
from pydantic_core.core_schema import custom_error_schema

from visop.errors import InvalidInput, UsageError
from visop.http.body import Body, read_texts
from visop.http.forms import at_most_one
from visop.http.message import Message
from visop.http.problems import ATTRIBUTE_VALUE
from visop.search.match import Match
from visop.search.ranking import Mode
from visop.search.schema import ID_CHARS, Picture
from visop.serving.pipeline import Input
from visop.sources import path_of

ID_PATTERN = f"^[0-9a-f]{{{ID_CHARS}}}$"

MAX_K = 1000

#: Of an attribute. Strict, so that a number is not read as a text, nor a truth value as a number.
Value = Annotated[
    StrictBool | StrictInt | StrictFloat | StrictStr,
    GetPydanticSchema(
        lambda source, make: custom_error_schema(make(source), ATTRIBUTE_VALUE, custom_error_message="-")
    ),
]

MAX_FILTER_CHARS = 4000

#: Of a vector that is searched with: as many as Milvus takes.
MAX_DIMENSION = 32768

_MAX_PARTS = 8

_MAX_SHOWN_CHARS = 40

# For the limit on the commas of a JSON body: a filter may list ids, and a vector has many numbers.
_VALUES = 1024

_ID_EXAMPLE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class SearchRequest(Message):
    """A picture to search with, as exactly one of `url`, `data`, `id` and `vector`; in a form, `image` is a file."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"id": _ID_EXAMPLE, "k": 10}]})

    url: str | None = Field(None, description="http or https address of an image file.")
    data: str | None = Field(None, description="An image file in base64, bare or as a data URI (`data:;base64,...`)")
    id: str | None = Field(None, description="A picture of the index, which is not encoded again.", pattern=ID_PATTERN)
    vector: list[float] | None = Field(
        None,
        min_length=1,
        max_length=MAX_DIMENSION,
        description="A vector of the encoder of the index, as `/v1/execute` answers it, of any length above 0.",
    )
    k: int = Field(
        10, ge=1, le=MAX_K, description="How many pictures to find. The command line takes more, up to 16,384."
    )
    filter: str = Field(
        "",
        max_length=MAX_FILTER_CHARS,
        description="Search only among pictures that this holds for: an expression of Milvus over id, width, height, "
        "bytes, modified and added (seconds since 1970), and its attributes, such as `width >= 1000`; over names, "
        "too, where answers tell folders.",
    )
    box: list[float] | None = Field(
        None,
        min_length=4,
        max_length=4,
        description="Search with this part of the picture: x, y, width and height in pixels of the upright picture. In "
        "a form, with commas between them.",
        examples=[[120, 40, 300, 200]],
    )
    thorough: bool = Field(
        False,
        description="Search with windows of the picture, too, which finds pictures that it shows among other things. "
        "Costs the time of 10 to 18 pictures.",
    )
    mode: Mode = Field(
        "best",
        description="How several vectors of a picture count: by the nearest pair, by the mean of all pairs, or by the "
        "whole pictures alone. The verdict on copies is that of the nearest pair.",
    )

    verify: bool = Field(
        False,
        description="Look into the files of the 10 nearest pictures for a proof by local features. What is proven "
        "comes first, and is a copy whatever its cosine. Up to 0.2 s of processor time each, less later.",
    )

    @property
    def in_views(self) -> bool:
        """Whether more or less is searched with than the vector of the whole picture."""
        return self.box is not None or self.thorough


class FoundPicture(BaseModel):
    """A picture of the index."""

    id: str = Field(description="SHA-256 of the file, hexadecimal.", examples=[_ID_EXAMPLE])
    names: list[str] = Field(description="Where it was found: paths and URLs. Without folders on a public address.")
    width: int = Field(description="Pixels, upright; 0 if unknown.")
    height: int = Field(description="Pixels, upright; 0 if unknown.")
    bytes: int = Field(description="Size of the file.")
    modified: int = Field(description="When the file was changed, seconds since 1970.")
    added: int = Field(description="When it came into the index, seconds since 1970.")
    attributes: dict[str, Value] = Field(description="Its attributes, of those that the index has; times in seconds.")
    gone: bool = Field(description="Whether no file of it is there any more; addresses are not asked.")

    @classmethod
    def of(cls, picture: Picture, *, whole_names: bool, gone: bool = False, **more: Any) -> Self:
        """The message of a picture.

        Args:
            picture: of the index.
            whole_names: whether names keep their folders.
            gone: whether no file of it is there any more.
            more: the fields that a subclass adds.
        """
        names = [name if whole_names else short_name(name) for name in picture.names]
        return cls(**{**vars(picture), "names": names, "gone": gone}, **more)


class FoundPart(BaseModel):
    """The part of a picture that matched."""

    number: int = Field(description="Of the parts of its picture, from 1.")
    box: list[float] = Field(description="x, y, width and height in pixels of the upright picture.")
    label: str
    score: float = Field(description="How certain its processor is of it.")

    @classmethod
    def of(cls, match: Match) -> FoundPart | None:
        """The message of the part of a match; None if it is the whole picture."""
        if (part := match.part) is None:
            return None
        return cls(number=match.number, box=list(part.box), label=part.label, score=part.score)


class FoundProof(BaseModel):
    """What local features say of a picture and the one that was searched with."""

    is_copy: bool = Field(description="Whether it is proven that one was made of the other. If not, that says little.")
    matches: int = Field(description="How many places of the one lie in the other as one transformation takes them.")
    agreement: float = Field(description="The share of what lies on top of each other that is alike, 0 to 1.")
    outline: list[list[float]] | None = Field(
        description="Where the corners of what was searched with lie in this picture: top left, top right, bottom "
        "right, bottom left; x and y in pixels, outside of it where the other shows more. null if not proven."
    )
    outline_of_original: list[list[float]] | None = Field(
        description="Where the corners of this picture lie in what was searched with, in pixels of that: of the part, "
        "if a `box` was searched with. null if not proven."
    )
    edits: list[str] = Field(description="What was done to this picture.", examples=[["cut to 25 % of the area"]])

    @classmethod
    def of(cls, match: Match) -> FoundProof | None:
        """The message of the proof of a match; None if local features were not asked."""
        if (proof := match.proof) is None:
            return None
        found = proof.found
        return cls(
            is_copy=proof.is_copy,
            matches=proof.matches,
            agreement=proof.agreement,
            outline=[list(point) for point in found.outline] if found else None,
            outline_of_original=[list(point) for point in found.outline_of_original] if found else None,
            edits=list(found.edits) if found else [],
        )


class FoundMatch(FoundPicture):
    """A picture that is like the one that was searched with."""

    score: float = Field(description="In the metric: for L2 the distance, 0 to 2; for IP and COSINE the cosine.")
    cosine: float = Field(description="-1 to 1, the higher the more alike, whatever the metric.")
    is_copy: bool | None = Field(
        description="Whether it is a copy; null if the encoder is not calibrated, or there is nothing to compare."
    )
    copy_: bool | None = Field(alias="copy", deprecated=True, description="The same as `is_copy`, its name of before.")
    nearly_empty: bool = Field(
        description="Whether there is nothing to compare: it, or the picture that was searched with, has nearly nothing"
        " on it. Looked at only of what reaches the threshold."
    )
    part: FoundPart | None = Field(description="Which part of the picture matched; null if it is the whole.")
    view: list[float] | None = Field(
        description="Which part of the picture that was searched with matched, with `thorough`; null if it is all that "
        "was searched with."
    )
    proof: FoundProof | None = Field(description="What local features say, with `verify`; null if they were not asked.")
    unverified: str = Field(description="Why they could not be asked, with `verify`: its file cannot be read, or such.")

    @classmethod
    def of_match(cls, match: Match, *, whole_names: bool, gone: bool) -> Self:
        """The message of a match."""
        verdict = {"is_copy": match.is_copy, "copy": match.is_copy, "nearly_empty": match.nearly_empty}
        scores = {"score": match.score, "cosine": match.cosine}
        places = {"part": FoundPart.of(match), "view": match.view and list(match.view)}
        proof = {"proof": FoundProof.of(match), "unverified": match.unverified}
        return cls.of(match.picture, whole_names=whole_names, gone=gone, **scores, **verdict, **places, **proof)


class SearchReply(BaseModel):
    """The nearest pictures, nearest first."""

    metric: str = Field(examples=["L2"])
    threshold: float | None = Field(description="The cosine from which on pictures are copies; null if unknown.")
    only_copies: bool = Field(
        description="Whether the encoder knows copies only: what is nearest, and no copy, is not like the picture."
    )
    nearly_empty: bool = Field(
        description="Whether the picture that was searched with has nearly nothing on it, so that nothing is a copy."
    )
    marked: float | None = Field(
        description="The share of it that differs from its background, 0 to 1; below 0.01 it is nearly empty. null if "
        "no file of it can be read."
    )
    matches: list[FoundMatch]


class PicturesReply(BaseModel):
    """Some pictures of the index."""

    pictures: list[FoundPicture]


class KeptPicture(FoundPicture):
    """A picture that was uploaded."""

    known: bool = Field(description="Whether it was there before, in the index and as a file.")


class UploadReply(BaseModel):
    """The pictures, in the order they were sent."""

    pictures: list[KeptPicture]


class IndexingStatus(BaseModel):
    """Indexing in the background."""

    state: Literal["idle", "running", "done", "failed"]
    done: int = Field(description="Inputs that were indexed, or failed.")
    total: int = Field(description="Inputs that are known so far.")
    failed: int = Field(description="Inputs that could not be indexed, as far as is known now.")
    seconds_left: int | None = Field(description="null if unknown.")
    message: str = Field(description="Why it stopped.")


class FailedInput(BaseModel):
    """An input that could not be indexed."""

    name: str = Field(description="Path or URL.")
    code: str = Field(description="Its code, as that of a problem.", examples=["INVALID_ARGUMENT"])
    reason: str = Field(examples=["not an image"])


class FailuresReply(BaseModel):
    """The inputs that could not be indexed."""

    count: int = Field(description="How many there are.")
    failures: list[FailedInput] = Field(description="The first of them.")


class IndexStatus(BaseModel):
    """What is searched."""

    name: str
    count: int = Field(description="Pictures that can be found.")
    metric: str
    threshold: float | None
    uploads: bool = Field(description="Whether pictures can be uploaded and removed.")
    fetch: bool = Field(description="Whether URLs are fetched.")
    verify: bool = Field(description="Whether `verify` of a search works here: OpenCV is installed.")
    max_image_bytes: int = Field(description="Of one picture.")
    watching: bool = Field(
        description="Whether indexing follows what changes in folders, and may begin again any time."
    )
    failures_told: bool = Field(description="Whether `GET /v1/index/failures` says which inputs failed.")
    indexing: IndexingStatus


def parse_search(body: Body) -> tuple[SearchRequest, list[Input]]:
    """JSON or a form to a request, and the picture to encode; none, if the request has the id of one.

    Raises:
        UsageError, InvalidInput: not a request.
        UnsupportedBody: neither JSON nor a form.
    """
    files: list[bytes] = []
    if body.is_form:
        parts = body.form(_MAX_PARTS)
        files = parts.pop("image", [])
        texts = {name: (at_most_one(parts, name) or b"").decode(errors="replace") for name in parts}
        box = _box_of(texts.pop("box", None))
        request = read_texts(SearchRequest, texts).model_copy(update={"box": box})
    else:
        request = body.json(SearchRequest, _VALUES, or_form=True)
    inputs = [Input("image", file) for file in files]
    inputs += [Input("url", url, is_url=True) for url in [request.url] if url is not None]
    inputs += [Input("data", data) for data in [request.data] if data is not None]
    if len(inputs) + (request.id is not None) + (request.vector is not None) != 1:
        raise InvalidInput("search with exactly one picture: a url, data, an id, a vector, or, in a form, an image")
    if request.vector is not None and request.in_views:
        raise UsageError("vector", "", "has no parts: it cannot be searched with by a box, or thoroughly")
    return request, inputs


def _box_of(text: str | None) -> list[float] | None:
    """The part ``box`` of a form, if it has one. Raises UsageError if these are not four numbers."""
    if text is None:
        return None
    try:
        x, y, w, h = map(float, text.split(","))
    except ValueError:
        raise UsageError("box", text[:_MAX_SHOWN_CHARS], "must be x,y,w,h: four numbers, in pixels") from None
    return [x, y, w, h]


def parse_upload(body: Body, max_items: int) -> list[Input]:
    """A form with files to inputs.

    Raises:
        InvalidInput, UnsupportedBody: not such a form.
    """
    parts = body.form(max_items + 1)
    if unknown := sorted(parts.keys() - {"images"}):
        raise InvalidInput(f"{unknown[0][:40]!r}: there is no such part; there is images")
    return [Input(f"images[{index}]", file) for index, file in enumerate(parts.get("images", []))]


def short_name(name: str) -> str:
    """What a client on another machine may see: a file without folders, a URL without credentials and signatures."""
    path = path_of(name)
    if path is not None:
        return path.rpartition("/")[2].encode(errors="replace").decode()
    parts = urlsplit(name)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

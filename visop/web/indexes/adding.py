"""Add pictures to an index: each has a result or a problem of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

from visop.contract import Image, Vector
from visop.encoding.encoded import EncodedPicture, picture_of
from visop.errors import InvalidInput, UsageError, VisopError
from visop.http.body import Body
from visop.http.endpoint import Results, Task
from visop.http.problems import details_of
from visop.images.emptiness import marked_share
from visop.search.match import Match
from visop.serving.pipeline import Input
from visop.web.indexes.picture_messages import AddReply, AddResult, ToAdd, parse_add
from visop.web.messages import FoundMatch, FoundPicture
from visop.web.service import SearchService
from visop.web.store_errors import safe_errors
from visop.web.uploads import NewFile, Upload


def adding_task(service: SearchService, body: Body) -> Task:
    """Add the pictures of a body.

    Raises:
        UsageError, InvalidInput, UnsupportedBody: it is no such request.
        NotAllowed: nothing may be added here.
    """
    service.uploads.check()
    request = parse_add(body, service.settings.max_items)
    if request.unless_copy and service.threshold is None:
        raise UsageError("unless_copy", "", "the encoder of the index is not calibrated, so nothing is called a copy")
    files = _Files(service.settings.max_message_bytes)
    inputs = [
        replace(each, take=files.of(number), look=files.look(number)) for number, each in enumerate(request.inputs)
    ]

    def answer(results: Results) -> bytes:
        adding = _Adding(service, files, request)
        done = [adding.result(*each) for each in zip(range(len(inputs)), inputs, map(picture_of, results), strict=True)]
        added = sum(each.status == "added" for each in done)
        return AddReply(added=added, results=done).model_dump_json(by_alias=True).encode()

    return Task(inputs, answer)


@dataclass
class _Files:
    """The files of one request and what was seen on them, by number; together they are at most so large."""

    max_bytes: int
    data: dict[int, bytes] = field(default_factory=dict)
    marked: dict[int, float] = field(default_factory=dict)

    def of(self, number: int) -> partial[None]:
        """What takes the file of an input."""
        return partial(self._take, number)

    def look(self, number: int) -> partial[None]:
        """What looks at the image of an input."""
        return partial(self._look, number)

    def _take(self, number: int, data: bytes) -> None:
        if sum(map(len, list(self.data.values()))) + len(data) > self.max_bytes:
            raise InvalidInput(f"the pictures of this request have over {self.max_bytes:,} bytes together")
        self.data[number] = data

    def _look(self, number: int, image: Image) -> None:
        self.marked[number] = marked_share(image)


@dataclass(frozen=True)
class _Adding:
    service: SearchService
    files: _Files
    request: ToAdd

    def result(self, number: int, given: Input, encoded: EncodedPicture | VisopError) -> AddResult:
        """What became of one picture; a problem of one is none of the others."""
        try:
            if isinstance(encoded, VisopError):
                raise encoded
            with safe_errors():
                return self._told(self.service.uploads.keep(self._new(number, given, encoded)))
        except VisopError as error:
            return AddResult(status="failed", picture=None, copy_of=None, problem=details_of(error))

    def _new(self, number: int, given: Input, encoded: EncodedPicture) -> NewFile:
        find_copy = (
            partial(self._copy_of, encoded.vector, self.files.marked.get(number)) if self.request.unless_copy else None
        )
        url, attributes = str(given.value) if given.is_url else "", self.request.attributes[number]
        return NewFile(self.files.data[number], encoded, url, attributes, find_copy)

    def _copy_of(self, vector: Vector, marked: float | None) -> Match | None:
        found = self.service.index.search_vector(vector, 1)
        found.marked = marked
        return next((match for match in self.service.emptiness.judged(found) if match.is_copy), None)

    def _told(self, kept: Upload) -> AddResult:
        whole = self.service.whole_names
        if kept.copy_of is not None:
            gone = bool(self.service.presence.gone([kept.picture]))
            copy = FoundMatch.of_match(kept.copy_of, whole_names=whole, gone=gone)
            return AddResult(status="copy", picture=None, copy_of=copy, problem=None)
        picture = FoundPicture.of(kept.picture, whole_names=whole)
        return AddResult(status="known" if kept.known else "added", picture=picture, copy_of=None, problem=None)

"""One picture that is searched with, on its way through the pipeline: what of it is encoded, and what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from visop.contract import Image
from visop.detection import Box, Found
from visop.errors import VisopError
from visop.http.endpoint import Results
from visop.images.crops import crop
from visop.images.emptiness import marked_share
from visop.search.query import checked_box, query_boxes
from visop.search.ranking import View
from visop.serving.pipeline import Input
from visop.web.messages import SearchRequest


class Query:
    """Of one request.

    Args:
        request: what is wanted.
        in_parts: whether pictures of the index are encoded in parts: of what is searched with, the whole is enough.

    Attributes:
        marked: the share of what is searched with that differs from its background, once it was decoded.
        file: of the picture that is searched with, if what is found is to be verified.
    """

    def __init__(self, request: SearchRequest, *, in_parts: bool = False) -> None:
        self._request, self._in_parts = request, in_parts
        self.marked: float | None = None
        self.file = b""

    def asked(self, given: Input) -> Input:
        """The input, of which the parts that are searched with are encoded."""
        boxes = self._boxes if self._request.in_views or self._in_parts else None
        asked = replace(given, look=self._look, boxes=boxes)
        return replace(asked, take=self._take) if self._request.verify else asked

    def views(self, results: Results) -> list[View]:
        """What to search with, by what became of the input.

        Raises:
            VisopError: that of the input.
        """
        [result] = results
        if isinstance(result, VisopError):
            raise result
        if not isinstance(result, Found):
            return [View(result)]
        vectors = [(part.vector, part.detection.box) for part in result.parts if part.vector is not None]
        vectors = vectors if self._request.in_views else vectors[:1]
        return [View(vector, box if number else None) for number, (vector, box) in enumerate(vectors)]

    def _take(self, data: bytes) -> None:
        self.file = data

    def _look(self, image: Image) -> None:
        size = image.shape[1], image.shape[0]
        box = self._request.box
        self.marked = marked_share(image if box is None else crop(image, checked_box(box, size), size))

    def _boxes(self, size: tuple[int, int]) -> Sequence[Box]:
        return query_boxes(size, self._request.box, thorough=self._request.thorough)

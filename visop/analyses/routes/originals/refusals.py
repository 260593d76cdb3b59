"""What an original interface says of a wrong request, in its own words (those of Django REST framework)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response

from visop.errors import InvalidInput, NotFound, VisopError
from visop.http.body import JSON, to_json
from visop.http.problems import status_of

NO_FILE = "No file was submitted."
NOT_A_FILE = "The submitted data was not a file. Check the encoding type on the form."
EMPTY_FILE = "The submitted file is empty."
NOT_AN_IMAGE = "Upload a valid image. The file you uploaded was either not an image or a corrupted image."
NO_MODULE = "Module not found. Please check and send again."


class Refused(InvalidInput):
    """A request is wrong. Answered with 400.

    Args:
        answer: the body, as JSON.
    """

    def __init__(self, answer: Any) -> None:
        super().__init__(_first_text(answer))
        self.answer = answer


class NotThere(NotFound):
    """There is no such record, page or file. Answered with 404."""

    def __init__(self, detail: str = "Not found.") -> None:
        super().__init__(detail)
        self.answer = {"detail": detail}


def add_refusals(app: FastAPI) -> None:
    """Answer these errors as the originals do, and all others as everywhere."""
    for kind in (Refused, NotThere):
        app.add_exception_handler(kind, _answered)


def _answered(_: Request, error: Any) -> Response:
    known: Refused | NotThere = error
    return Response(to_json(known.answer), status_of(known), media_type=JSON)


def of_field(field: str, *texts: str) -> Refused:
    """What is wrong with a field."""
    return Refused({field: list(texts)})


def of_module(error: VisopError | str) -> Refused:
    """What a module could not do: a list of one text, as the originals answer it."""
    return Refused([str(error)])


def _first_text(answer: Any) -> str:
    texts = answer if isinstance(answer, list) else next(iter(answer.values()))
    return str(texts[0])

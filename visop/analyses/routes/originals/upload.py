"""The form that clients of the originals send: a picture, and perhaps the names of modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from visop.analyses.routes.originals.refusals import EMPTY_FILE, NO_FILE, NO_MODULE, NOT_A_FILE, of_field, of_module
from visop.http.body import Body
from visop.http.forms import Part

# Other fields than these are passed over, as the originals do.
_MOST_PARTS = 32


@dataclass(frozen=True)
class Upload:
    """A picture as it was sent.

    Attributes:
        data: the file.
        name: that the client gave it, whatever it is.
    """

    data: bytes
    name: str


def parts_of(body: Body) -> list[Part]:
    """The parts of a form; none of another body, in which no file can be. Raises as ``Body.parts``."""
    return body.parts(_MOST_PARTS) if body.is_form else []


def upload_of(parts: Sequence[Part], field: str) -> Upload | None:
    """The picture in a form: the last one of that name. None if there is none.

    Raises:
        Refused: what has that name is no file, or an empty one.
    """
    found = [part for part in parts if part.name == field and part.file_name != ""]
    if not found:
        return None
    last = found[-1]
    if last.file_name is None:
        raise of_field(field, NOT_A_FILE)
    if not last.content:
        raise of_field(field, EMPTY_FILE)
    return Upload(last.content, last.file_name)


def required(upload: Upload | None, field: str) -> Upload:
    """The picture. Raises Refused if there is none."""
    if upload is None:
        raise of_field(field, NO_FILE)
    return upload


def modules_of(parts: Sequence[Part], there: Sequence[str]) -> list[str]:
    """The operators that a form names in ``modules``, separated by commas; all of them if it names none.

    Raises:
        Refused: there is no operator of that name.
    """
    texts = [part.content.decode("utf-8", "replace") for part in parts if part.name == "modules"]
    names = [name.strip() for name in texts[-1].split(",")] if texts and texts[-1].strip() else list(there)
    if not set(names) <= set(there):
        raise of_module(NO_MODULE)
    return list(dict.fromkeys(names))

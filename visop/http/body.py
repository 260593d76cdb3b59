"""The body of a request that has arrived, and how it becomes a message; JSON answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from visop.errors import InvalidInput, UsageError
from visop.http.forms import Part, read_form, read_parts
from visop.http.problems import UnsupportedBody, wrong_message

JSON = "application/json"
FORM = "multipart/form-data"

# A URL may have commas of its own.
_COMMAS_PER_INPUT = 64
_OTHER_FIELDS = 16
# Of JSON in a part of a form, which says how something is wanted.
_MAX_PART_BYTES = 10_000

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Body:
    """A body that has arrived, and what it says it is."""

    data: bytes
    content_type: str

    @property
    def media_type(self) -> str:
        """The type without its parameters, such as ``application/json``."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def is_form(self) -> bool:
        """Whether it is a multipart form, which ``form`` reads."""
        return self.media_type == FORM

    def json(self, model: type[M], max_items: int, *, or_form: bool = False) -> M:
        """Read it as JSON.

        Args:
            model: the message it must be.
            max_items: inputs that the message may have. Bodies with far more values are refused before they are read.
            or_form: whether a form would be read, too, which the refusal of anything else says.

        Raises:
            UsageError, InvalidInput: not JSON, or not this message.
            UnsupportedBody: of another type.
        """
        if self.media_type != JSON:
            taken = f"{JSON} or {FORM}" if or_form else JSON
            raise UnsupportedBody(f"Content-Type {self.media_type[:40]!r}: must be {taken}")
        # 100 MB of empty strings take gigabytes and minutes once they are parsed; there is no use for that many values.
        commas, limit = self.data.count(b","), _COMMAS_PER_INPUT * (max_items + _OTHER_FIELDS)
        if commas > limit:
            raise InvalidInput(f"the body has {commas:,} commas, too many values for the limit of {max_items} inputs")
        try:
            return model.model_validate_json(self.data)
        except ValidationError as error:
            raise wrong_message(error.errors(include_url=False, include_input=False)) from None

    def form(self, max_parts: int) -> dict[str, list[bytes]]:
        """Read it as a multipart form: the parts by name, in the order they came. Raises as ``forms.read_form``.

        Raises:
            UnsupportedBody: of another type.
        """
        self._check_form()
        return read_form(self.data, self.content_type, max_parts)

    def parts(self, max_parts: int) -> list[Part]:
        """Read it as a multipart form, with the names of its files. Raises as ``form``."""
        self._check_form()
        return read_parts(self.data, self.content_type, max_parts)

    def _check_form(self) -> None:
        if not self.is_form:
            raise UnsupportedBody(f"Content-Type {self.media_type[:40]!r}: must be {FORM}")


def read_part(name: str, data: bytes | None, model: type[M]) -> M:
    """A part of a form that holds JSON. Without it, or if it is null, the message without fields.

    Args:
        name: of the part, for errors.
        data: its content; None if the form has no such part.
        model: the message it must be, of which no field is required.

    Raises:
        UsageError: not JSON, or not this message.
    """
    if data is not None and len(data) > _MAX_PART_BYTES:
        raise UsageError(name, "", f"has {len(data):,} bytes, the limit is {_MAX_PART_BYTES:,}")
    try:
        return model() if data is None or data.strip() == b"null" else model.model_validate_json(data)
    except ValidationError as error:
        raise wrong_message(error.errors(include_url=False, include_input=False), within=name) from None


def read_texts(model: type[M], texts: dict[str, str]) -> M:
    """The parts of a form that hold text to a message.

    Raises:
        UsageError, InvalidInput: not this message.
    """
    try:
        return model.model_validate_strings(texts)
    except ValidationError as error:
        raise wrong_message(error.errors(include_url=False, include_input=False)) from None


def to_json(value: Any) -> bytes:
    """JSON; float32 arrays with as many digits as they need, and ten times faster than as lists."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)

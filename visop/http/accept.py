"""Which of several forms of an answer a client wants, by its ``Accept`` header (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from visop.errors import UsageError

# Elements of a list, and parameters of an element: a comma or a semicolon in quotes separates nothing.
_ELEMENT, _PARAMETER = (re.compile(rf'(?:[^{mark}"]|"(?:[^"\\]|\\.)*")+') for mark in ",;")
_RANGE = re.compile(r"[\w!#$&^.+*-]+/[\w!#$&^.+*-]+")
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


class NotAcceptable(UsageError):
    """The answer has none of the forms that the client takes."""

    http_status = 406


def preferred(headers: Iterable[str], offered: Sequence[str]) -> str:
    """The media type to answer with: of the greatest weight, and of those the first that is offered.

    Args:
        headers: values of ``Accept``; without any, everything is taken.
        offered: media types without parameters.

    Raises:
        NotAcceptable: the client takes none of them.
    """
    ranges = [each for header in headers for each in _ranges(header)]
    weights = {media_type: _weight(media_type, ranges) for media_type in offered}
    best = max(offered, key=weights.__getitem__)
    if ranges and not weights[best]:
        raise NotAcceptable("Accept", "", f"the answer is {' or '.join(offered)}, and neither is accepted")
    return best


def _ranges(header: str) -> Iterator[tuple[str, float]]:
    """Media ranges with their weights. Elements that are none are passed over, as are other parameters."""
    for element in _ELEMENT.findall(header):
        first, *parameters = (each.strip().lower() for each in _PARAMETER.findall(element))
        weights = [each.partition("=")[2].strip() for each in parameters if each.partition("=")[0].strip() == "q"]
        if _RANGE.fullmatch(first) and all(map(_WEIGHT.fullmatch, weights)):
            yield first, float(weights[0]) if weights else 1.0


def _weight(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """That of the range that names the type most exactly; 0 if none does."""
    for wanted in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if found := [weight for each, weight in ranges if each == wanted]:
            return max(found)
    return 0.0

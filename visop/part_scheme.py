"""The name of what makes the parts of pictures: two of the same name make the same parts, and may fill one index."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from visop.contract import OperatorInfo

#: Of parts of one picture, if nothing else is said.
MOST_PARTS = 100

#: In place of a scheme: pictures are encoded whole, and not in parts.
NO_PARTS = "none"

_TEXT = re.compile(
    r"(?P<name>.+?)(@(?P<fingerprint>[^@+]+))?(\+margin:(?P<margin>[\d.e-]+))?(\+most:(?P<most>\d+))?(?P<whole>\+whole)?"
)


@dataclass(frozen=True)
class PartScheme:
    """How parts are made, as ``OperatorInfo.parts`` says it: ``regions:10+whole``, ``ssd300@ssd300-pth-0123+whole``.

    Attributes:
        name: of the processor.
        fingerprint: of the processor; empty if it has none.
        margin: that is added to each box before it is cut out.
        most: parts of one picture.
        whole: whether the whole picture is one, before the others.
    """

    name: str
    fingerprint: str = ""
    margin: float = 0.0
    most: int = MOST_PARTS
    whole: bool = False

    def __str__(self) -> str:
        text = self.name + (f"@{self.fingerprint}" if self.fingerprint else "")
        text += f"+margin:{self.margin:g}" if self.margin else ""
        text += f"+most:{self.most}" if self.most != MOST_PARTS else ""
        return text + ("+whole" if self.whole else "")

    @classmethod
    def of(cls, parts: str) -> PartScheme:
        """Read what ``str`` wrote."""
        match = _TEXT.fullmatch(parts)
        if match is None:
            return cls(parts)
        margin, most = float(match["margin"] or 0), int(match["most"] or MOST_PARTS)
        return cls(match["name"], match["fingerprint"] or "", margin, most, bool(match["whole"]))


def of_pictures(info: OperatorInfo) -> OperatorInfo:
    """What an index keeps of an operator: of a pipeline the name of its encoder, which suffices to search."""
    if not info.parts:
        return info
    return replace(info, name=info.name.removeprefix(f"{PartScheme.of(info.parts).name}+"), labels=())


def spoken_parts(parts: str) -> str:
    """For people: ``regions:10``, or ``none``."""
    return parts.removesuffix("+whole") or NO_PARTS

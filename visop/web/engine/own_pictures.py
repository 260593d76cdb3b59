"""Pictures of entities by their addresses: this server reads them, and does not fetch them from itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from visop.web.engine.entities import Entities
from visop.web.published import Published

PREFIX = "/v1/application"
_PATH = re.compile(rf"{PREFIX}/([^/]+)/entity/([^/]+)/picture/([^/?#]+)")


def address_of(base: str, application: str, entity: str, field: str) -> str:
    """The address of a picture.

    Args:
        base: where the caller reached this server, such as ``http://localhost:5000``.
        application: its name.
        entity: its id.
        field: its name.
    """
    return f"{base}{PREFIX}/{quote(application, safe='')}/entity/{entity}/picture/{quote(field, safe='')}"


@dataclass(frozen=True)
class OwnPictures:
    """Reads them for one caller, who may search with what an answer had before.

    Attributes:
        base: where that caller reached this server.
        entities: that have them.
        published: opens their files.
    """

    base: str
    entities: Entities
    published: Published

    def read(self, url: str) -> bytes | None:
        """The file behind an address; None if it is not one of ours. Raises NotFound if it is not there any more."""
        found = _PATH.fullmatch(url.removeprefix(self.base)) if url.startswith(f"{self.base}/") else None
        if found is None:
            return None
        with self.published.open(self.entities.picture(*map(unquote, found.groups()))) as file:
            return file.read()

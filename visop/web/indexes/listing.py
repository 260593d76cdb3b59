"""The pictures of an index: one, page by page, and their attributes changed."""

from __future__ import annotations

from visop.http.body import Body
from visop.http.endpoint import Task
from visop.search.change_attributes import change_attributes
from visop.web.indexes.picture_messages import PicturePage, parse_change
from visop.web.messages import FoundPicture
from visop.web.service import SearchService
from visop.web.store_errors import safe_errors


def facts(service: SearchService, id_: str) -> FoundPicture:
    """Of one picture. Raises NotFound if the index does not have it."""
    (told,) = service.told([service.picture(id_)])
    return told


def change_task(service: SearchService, id_: str, body: Body) -> Task:
    """Change a picture as a body says; NotFound is answered if the index does not have it."""
    changes = parse_change(body)

    def answer(_: object) -> bytes:
        picture = service.picture(id_)
        with safe_errors():
            picture = change_attributes(service.index.collection, id_, changes) or picture
        (told,) = service.told([picture])
        return told.model_dump_json().encode()

    return Task((), answer)


def page_of(service: SearchService, limit: int, cursor: str | None, condition: str) -> PicturePage:
    """A page, and where the next one begins.

    Args:
        service: of the index.
        limit: pictures on a page.
        cursor: the last id of the page before; None begins.
        condition: a filter; empty for all.

    Raises:
        UsageError: the filter is wrong, or asks for what is not told here.
    """
    service.check_told(condition)
    parts = [f'id > "{cursor}"'] * bool(cursor) + [f"({condition})"] * bool(condition.strip())
    with safe_errors():
        # One more shows whether there is a next page. The last one of the page before may come again, by its parts.
        found = next(service.index.collection.pictures(limit + 2, " and ".join(parts)), [])
    found = [each for each in found if each.id > (cursor or "")]
    page = found[:limit]
    return PicturePage(pictures=service.told(page), next=page[-1].id if len(found) > limit else None)

"""Write the page of groups of copies: one file, in which one chooses what is kept and writes a script for the rest."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from visop.errors import UsageError
from visop.images.thumbnail import webp_within
from visop.search.duplicates import Group
from visop.search.schema import Picture
from visop.search.show.bundle import bundled_script, bundled_style, content_hash
from visop.search.show.files import first_readable
from visop.settings import Settings
from visop.sources import path_of
from visop.templates import render

#: The style sheets, in their order.
STYLES = ("theme.css", "page.css", "groups.css")

# What a page of a thousand groups has, so that it opens at once and can be sent around. The small pictures get what
# everything else leaves, and so are sharper the fewer they are.
_MOST_BYTES = 1_900_000
_LEAST_OF_ONE, _MOST_OF_ONE = 200, 8000

# Base64 rounds up to whole groups of characters, and the picture has a key.
_AROUND_ONE = 12

# Nothing from elsewhere, and no script but that of the page, whatever a file is called.
_POLICY = (
    "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'"
)

# A page with ten thousand pictures opens nowhere; the list in the terminal and the JSON have all.
_MOST_PICTURES = 5000


def write_groups(
    html: Path,
    index: str,
    groups: Sequence[Group],
    rule: str,
    settings: Settings,
    on_done: Callable[[], object] = lambda: None,
) -> None:
    """Write groups of copies, and by which rule they are copies.

    Args:
        html: the file.
        index: its name.
        groups: the most certain first, each with the picture to keep first.
        rule: in words.
        settings: what a file may have of which a small picture is shown.
        on_done: called after each picture.

    Raises:
        UsageError: the file cannot be written.
    """
    shown = list(_first(groups))
    told = [group_facts(group) for group in shown]
    data = {"key": f"{index} {html.absolute()}", "folder": str(html.absolute().parent / "copies"), "groups": told}
    script, style = bundled_script("groups_file.js"), bundled_style(STYLES)
    _add_images(shown, told, _MOST_BYTES - sum(map(len, (_json(data), script, style))), settings, on_done)
    context = {
        "title": f"Copies in {index}",
        "about": _about(groups, shown, rule),
        "policy": _POLICY.format(content_hash(script), content_hash(style)),
        "script": script,
        "style": style,
        "data": _json(data),
    }
    try:
        html.write_text(render(__package__, "groups.html.jinja", context, {}), "utf-8")
    except OSError as error:
        raise UsageError("html", html, error.strerror or str(error)) from None


def group_facts(group: Group) -> dict[str, Any]:
    """What a page says of a group. Names that lead to one file, through links, are one: the first of them."""
    seen: set[str] = set()
    pictures = [_picture_facts(picture, seen) for picture in group.pictures]
    cosines = {"closest": round(group.closest, 4), "loosest": round(group.loosest, 4)}
    return {**cosines, "why": group.why, "pictures": pictures}


def _first(groups: Sequence[Group]) -> Iterator[Group]:
    pictures = 0
    for number, group in enumerate(groups):
        pictures += len(group.pictures)
        if pictures > _MOST_PICTURES and number:
            return
        yield group


def _picture_facts(picture: Picture, seen: set[str]) -> dict[str, Any]:
    names = []
    for name in picture.names:
        path = path_of(name)
        place = name if path is None else os.path.realpath(path)
        if place not in seen:
            seen.add(place)
            names.append(name)
    facts = {key: getattr(picture, key) for key in ("width", "height", "bytes", "modified")}
    return {"names": names, **facts}


def _add_images(
    groups: Sequence[Group],
    told: Sequence[dict[str, Any]],
    most_bytes: int,
    settings: Settings,
    on_done: Callable[[], object],
) -> None:
    """Add a small picture to each, such that all of them together have no more characters than this."""
    count = sum(len(group.pictures) for group in groups)
    most = min(max(most_bytes * 3 // 4 // max(1, count) - _AROUND_ONE, _LEAST_OF_ONE), _MOST_OF_ONE)
    for group, facts in zip(groups, told, strict=True):
        for picture, its_facts in zip(group.pictures, facts["pictures"], strict=True):
            image = first_readable(picture, settings, lambda data, limits: webp_within(data, limits, most), b"")
            its_facts["image"] = base64.b64encode(image).decode()
            on_done()


def _about(groups: Sequence[Group], shown: Sequence[Group], rule: str) -> str:
    left_out = len(groups) - len(shown)
    rest = f" {left_out} less certain groups are not shown here." if left_out else ""
    return f"{len(groups)} groups of copies: {rule}.{rest}"


def _json(data: dict[str, Any]) -> str:
    """JSON that may stand in a page: no part of a file name ends the element that it is in."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")

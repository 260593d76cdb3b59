"""The processors by name."""

from __future__ import annotations

import re
from collections.abc import Callable

from visop.contract import Processor
from visop.errors import SettingsError
from visop.processors.regions import Regions
from visop.settings import Settings

_NAME = re.compile(r"(?P<name>[a-z][a-z0-9]*)(:(?P<count>\d{1,6}))?")


def built_in_processor(text: str, settings: Settings) -> Processor | None:
    """A processor that is built in, not loaded yet; None if none has that name.

    Args:
        text: such as ``regions:10``.
        settings: of the operator.

    Raises:
        SettingsError: it has the name of one, and takes another number.
    """
    match = _NAME.fullmatch(text)
    if match is None or match["name"] not in _PROCESSORS:
        return None
    return _PROCESSORS[match["name"]](match["count"], settings)


def processor_names() -> list[str]:
    """How they are called in settings."""
    return ["faces", "regions:N"]


def _regions(count: str | None, _settings: Settings) -> Processor:
    return Regions(int(count)) if count else Regions()


def _faces(count: str | None, settings: Settings) -> Processor:
    if count is not None:
        raise SettingsError("processor", f"faces:{count}", "faces takes no number")
    from visop.processors.faces import Faces

    return Faces(settings)


_PROCESSORS: dict[str, Callable[[str | None, Settings], Processor]] = {"faces": _faces, "regions": _regions}

"""HTTP beside gRPC, on the same pipeline. Its packages are the extra ``visop[http]``, imported only if HTTP is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visop.errors import SettingsError
from visop.settings import Settings

if TYPE_CHECKING:
    from visop.serving.server import MakeCompanion


def http_companions(settings: Settings) -> list[MakeCompanion]:
    """The HTTP server that ``OP_HTTP_ENDPOINT`` asks for, for ``visop.serving.server``; none where it is empty.

    Raises:
        SettingsError: its packages are not installed.
    """
    if not settings.http_endpoint:
        return []
    try:
        from visop.http.server import HttpServer
    except ModuleNotFoundError as error:
        why = f"{error.name} is not installed; for HTTP: pip install 'visop[http]'"
        raise SettingsError("http_endpoint", settings.http_endpoint, why) from None
    return [HttpServer]

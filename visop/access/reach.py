"""Keep a server from being open to other machines by accident."""

from __future__ import annotations

import logging

from visop import address
from visop.errors import SettingsError
from visop.settings import Settings

logger = logging.getLogger(__name__)


def check_reach(settings: Settings) -> None:
    """Say in the log that the server is open to other machines, if it was asked to be.

    Raises:
        SettingsError: it would be, and was not asked to be.
    """
    wide = {"bind": settings.host, "http_endpoint": settings.http_host if settings.http_endpoint else ""}
    names = [name for name, host in wide.items() if host and not address.is_loopback(host)]
    if not names or settings.tokens_file or settings.tokens or settings.tls_client_ca:
        return
    value = getattr(settings, names[0])
    if not settings.open:
        why = (
            "other machines could call without a token: set OP_TOKENS_FILE (`visop token` makes one) or "
            "OP_TLS_CLIENT_CA; or OP_OPEN=on, if everybody who reaches it may"
        )
        raise SettingsError(names[0], value, why)
    logger.warning("open to every machine that reaches %s: no token and no certificate is asked for (OP_OPEN)", value)

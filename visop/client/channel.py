"""Connections to operators: how large messages may be, when to connect again, and whether a proxy is asked."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from visop import address
from visop.client.identity import MAX_MESSAGE_BYTES
from visop.client.security import Security

_OPTIONS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # gRPC's own wait before it reconnects would grow to two minutes; those that call decide instead.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
# gRPC would send even calls to 127.0.0.1 through the proxy that ``http_proxy`` names, unless ``no_proxy`` excepts it.
_NO_PROXY = ("grpc.enable_http_proxy", 0)


def open_channel(
    target: str,
    credentials: grpc.ChannelCredentials | None = None,
    *,
    proxy: bool = True,
    options: Sequence[tuple[str, int | str]] = (),
) -> grpc.Channel:
    """A channel to an operator; it connects when it is called.

    Args:
        target: as of ``Client``.
        credentials: as of ``Client``.
        proxy: as of ``Client``.
        options: of gRPC, beside those that every channel has.

    Raises:
        UsageError: a file that the environment names for it cannot be read.
    """
    all_options = [*_OPTIONS, *options]
    if not proxy or address.leads_here(target):
        all_options.append(_NO_PROXY)
    security = Security.of_environment()
    if (credentials := credentials or security.channel_credentials()) is None:
        channel = grpc.insecure_channel(target, options=all_options)
    else:
        channel = grpc.secure_channel(target, credentials, options=all_options)
    return security.with_token(channel)

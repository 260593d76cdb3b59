"""What callers may be allowed to do, and what each request needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """What a token allows. One does not contain another, but for ``admin``."""

    ENCODE = "encode"
    SEARCH = "search"
    WRITE = "write"
    ADMIN = "admin"


#: What is open to everybody, so that probes need no token.
OPEN_METHODS = ("/grpc.health.v1.Health/", "/omnisearch.Operator/Healthy")
OPEN_PATHS = ("/healthz", "/readyz")

# What any token allows: it tells what is served.
_ANY = frozenset({"/v1/identity", "/docs", "/openapi.json", "/metrics"})
_ANY_FOLDERS = ("/docs/", "/static-offline-docs/")
_GRPC_WORK = ("/omnisearch.Operator/Execute", "/FxWatcher/Call", "/pb.FxWatcher/Call")
_ENCODE = frozenset({"/v1/execute", "/embed", "/analysis"})
_ENCODE_FOLDERS = ("/function/",)
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
# Whole paths: an index or an application may be named ``search``, too, and is made and deleted under that name.
_SEARCH = re.compile(r"/v1/(?:search|indexes/[^/]+/search|application/[^/]+/search/?)")


def scope_of_method(method: str) -> Scope | None:
    """Return what a gRPC method needs, by its full name such as ``/package.Service/Method``; None is any token."""
    return Scope.ENCODE if method.startswith(_GRPC_WORK) else None


def scope_of_request(method: str, path: str) -> Scope | None:
    """Return what an HTTP request needs; None is any token. What changes something needs ``write``."""
    if path in _ENCODE or path.startswith(_ENCODE_FOLDERS):
        return Scope.ENCODE
    if path in _ANY or path.startswith(_ANY_FOLDERS):
        return None
    if method in _READS or (method == "POST" and _SEARCH.fullmatch(path)):
        return Scope.SEARCH
    return Scope.WRITE


def parsed(names: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes of these names. Raises ValueError if there is no such, or none."""
    found = frozenset(map(Scope, names))
    if not found:
        raise ValueError("no scope")
    return found

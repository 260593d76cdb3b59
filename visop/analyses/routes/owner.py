"""Whose records a request is about: those of the name of its token."""

from __future__ import annotations

from fastapi import Request

from visop.access.scopes import Scope
from visop.http.authenticate import token_of


def owner_of(request: Request) -> str:
    """The owner of what a request makes: the name of its token; empty where nobody needs one."""
    token = token_of(request.scope)
    return token.name if token else ""


def seen_by(request: Request) -> str | None:
    """Whose records a request sees and changes: its owner's; None is everybody's, for an administrator."""
    token = token_of(request.scope)
    return None if token and Scope.ADMIN in token.scopes else owner_of(request)

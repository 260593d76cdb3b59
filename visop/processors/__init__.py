"""Processors that are built in: they find parts of pictures."""

from __future__ import annotations

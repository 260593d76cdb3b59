"""Pages from the Jinja templates that lie in the packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import jinja2


def render(package: str, template: str, context: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]]) -> str:
    """The page that a template makes of a context.

    Values are escaped, so that a file name stays text whatever it says.

    Args:
        package: where the template lies, and those that it extends or imports.
        template: its file name.
        context: what it may speak of; any other name is an error.
        filters: by the names that it has for them.
    """
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(lambda name: files(package).joinpath(name).read_text("utf-8")),
    )
    environment.filters |= filters
    return environment.get_template(template).render(context)

"""Sphinx's settings for the documentation: `make docs` builds it into build/docs, and needs no network."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from sphinx.application import Sphinx

from visop import __version__

project = "visop"
copyright = "the visop authors. Apache-2.0"  # noqa: A001 - Sphinx's name
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["generators"]

# Every reference must lead somewhere: a link to a page or a heading that is not there fails the build.
nitpicky = True
# Types of other packages, whose documentation is not at hand without a network, and our private ones.
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|np|npt|grpc|google|collections|contextlib|pathlib|typing|types|argparse|concurrent)\..*"),
    ("py:class", r"visop\.(settings\.Settings|encoding\..*|search\.limits\..*|search\.store\.(Store|Collection))"),
]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Links to files of the repository that are no pages.
myst_url_schemes = ["http", "https", "mailto"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["visop.css"]
html_title = f"visop {__version__}"
html_copy_source = False
html_show_sphinx = False
smartquotes = False  # they make a dash of the two of a --flag
pygments_style = "friendly"
pygments_dark_style = "monokai"


def setup(app: Sphinx) -> None:
    """The list of modules is made at each build: committed, it would change with every docstring."""
    sys.path.insert(0, str(Path(__file__).parent / "generators"))
    modules = importlib.import_module("modules")

    def fill(_: Sphinx, __: str, source: list[str]) -> None:
        source[0] = source[0].replace("<!-- modules -->", modules.reference())

    app.connect("source-read", fill)

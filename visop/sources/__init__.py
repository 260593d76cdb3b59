"""Find out which inputs are meant by files, folders, lists and URLs, and read them."""

from visop.sources.excluded import DEFAULT_EXCLUDES
from visop.sources.folders import SUFFIXES, PassedOver, is_picture
from visop.sources.inputs import DEFAULT_OPTIONS, FindOptions, Found, find_inputs, gather
from visop.sources.lists import read_list
from visop.sources.names import is_url, path_of, printable, stored_name, typed_path
from visop.sources.reading import read_input
from visop.sources.tables import Record, read_records

__all__ = [
    "DEFAULT_EXCLUDES",
    "DEFAULT_OPTIONS",
    "SUFFIXES",
    "FindOptions",
    "Found",
    "PassedOver",
    "Record",
    "find_inputs",
    "gather",
    "is_picture",
    "is_url",
    "path_of",
    "printable",
    "read_input",
    "read_list",
    "read_records",
    "stored_name",
    "typed_path",
]

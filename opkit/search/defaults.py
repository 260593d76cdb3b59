"""Which index is meant where none is named, on the command line and in Python."""

DEFAULT_URI = "opkit.db"
DEFAULT_NAME = "pictures"

"""Which index is meant where none is named, on the command line and in Python."""

DEFAULT_URI = "visop.db"
DEFAULT_NAME = "pictures"

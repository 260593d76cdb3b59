"""Analyses that last: records in a database, of pictures that operators analysed at once or later."""

"""Keep copies of the files of an index in a folder of its own or in object storage, so that it survives its sources.

A copy is named by the SHA-256 of its content, so that there is one for each picture. While a copy is written or
deleted, and until the index says so, there is a note of it in ``unfinished/``: whoever is killed leaves the note, and
the next run deletes the copies with notes that are in no index.
"""

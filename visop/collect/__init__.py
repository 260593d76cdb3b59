"""Collect the pictures of web pages into a folder with a manifest: what ``visop collect`` does."""

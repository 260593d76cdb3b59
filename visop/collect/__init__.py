"""Web pages to a folder of pictures with a manifest: what ``visop collect`` does."""

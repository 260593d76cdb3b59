"""Files, folders and URLs to one file of vectors: what ``visop encode`` does."""

"""Files, folders and URLs to one file of vectors: what ``opkit encode`` does."""

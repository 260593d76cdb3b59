"""The interfaces of the systems that analyses take the place of, so that their clients go on unchanged."""

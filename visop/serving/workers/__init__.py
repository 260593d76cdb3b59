"""Several processes behind one port: a front process that has no model, and workers that have one each."""

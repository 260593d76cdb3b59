"""The HTTP face: the same pipeline, limits and errors as gRPC, in JSON. Imported only where it is switched on."""

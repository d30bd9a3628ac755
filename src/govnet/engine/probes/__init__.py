"""One module per protocol; each offers an async probe of one target and returns a ``Result``."""

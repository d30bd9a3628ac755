"""The processes of an installation: supervisor, store, web, engine, worker; health, metrics."""

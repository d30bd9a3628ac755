"""Import of the ledger from files: read, check, preview, write, undo."""

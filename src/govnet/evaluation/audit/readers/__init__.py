"""One reader a format; each turns bytes into a ``Document`` or raises ``UnreadableError``."""

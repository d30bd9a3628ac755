"""Formats of one language; the same for all."""

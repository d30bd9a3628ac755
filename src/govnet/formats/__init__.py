"""Dates as the field writes them: 2026-11-23 14:05, in every language."""

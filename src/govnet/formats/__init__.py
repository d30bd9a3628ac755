"""Dates and numbers as the field writes them, in every language: 2026-11-23 14:05, 1,234.5."""

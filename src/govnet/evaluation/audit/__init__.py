"""Reads an existing self-evaluation report and finds what it provably contradicts."""

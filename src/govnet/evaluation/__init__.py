"""Fiscal self-evaluation of projects: reading, auditing and (later) producing the reports."""

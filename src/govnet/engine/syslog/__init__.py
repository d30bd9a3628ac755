"""Syslog: framing, the two headers, character sets, and what a vendor's message means."""

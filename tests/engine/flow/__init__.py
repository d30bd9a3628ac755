"""Flow decoding against exporters, a dissector and broken input."""

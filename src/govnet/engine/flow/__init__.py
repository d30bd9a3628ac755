"""Flow records off the wire: NetFlow v5, v9, IPFIX and sFlow v5 to numpy columns."""

"""The generic views: one of each kind serves every declared object."""

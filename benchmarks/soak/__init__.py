"""The soak: what only shows after many runs."""

"""Where data come from, and the Arrow form in which they are prepared."""

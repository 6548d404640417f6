"""Where data come from, and the Arrow form in which they are prepared."""

__all__: list[str] = []

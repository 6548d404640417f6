"""A store in a folder of a local file system."""

__all__: list[str] = []

"""A store that lies under a prefix in a bucket of an object store."""

__all__: list[str] = []

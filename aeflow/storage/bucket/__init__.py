"""A store in an object store, below a bucket and a prefix."""

__all__: list[str] = []

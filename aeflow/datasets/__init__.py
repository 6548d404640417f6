"""The sources of data, and the Arrow format of prepared datasets."""

__all__: list[str] = []

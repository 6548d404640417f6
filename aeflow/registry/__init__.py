"""The models of a dataset over time: champions, trends, and what a prune keeps."""

__all__: list[str] = []

"""Learned features of your data, kept fresh: the library, which never imports Prefect."""

__all__: list[str] = []

"""Recipes, which list the steps of each flow, and the runners that carry them out."""

__all__: list[str] = []

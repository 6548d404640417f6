"""Recipes: what each flow does, a call a line, and the runners that carry a recipe out."""

__all__: list[str] = []

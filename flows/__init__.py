"""The flows: the only code that imports Prefect, whose environment is set before any of it does."""

from flows.settings import set_environment

__all__: list[str] = []

set_environment()

"""The flows. Only this package imports Prefect, and it sets Prefect's environment first."""

from flows.settings import set_environment

__all__: list[str] = []

set_environment()

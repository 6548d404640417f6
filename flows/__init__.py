"""The flows, which use Prefect. This file sets Prefect's environment before Prefect is imported."""

from flows.settings import set_environment

__all__: list[str] = []

set_environment()

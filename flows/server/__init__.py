"""The link between a run and its Prefect server: events, progress, cancellation and signals."""

__all__: list[str] = []

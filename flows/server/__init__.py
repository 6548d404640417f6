"""What a Prefect server is told of a run, and what it tells the run: events, progress, signals."""

__all__: list[str] = []

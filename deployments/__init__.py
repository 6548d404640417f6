"""The deployments: what runs where and when, and the command that applies them to a server."""

__all__: list[str] = []

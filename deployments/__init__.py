"""The deployments: what runs where and when, and the command that tells a server of it."""

__all__: list[str] = []

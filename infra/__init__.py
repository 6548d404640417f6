"""The infrastructure: the whole of aeflow on one bare machine, in containers, on Kubernetes."""

__all__: list[str] = []

"""The infrastructure that runs all of aeflow on one machine, in containers or on Kubernetes."""

__all__: list[str] = []

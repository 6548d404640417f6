"""Feature sets: the contract of their files, their listing in a store, and nearest neighbours."""

from aeflow.features.contract import read_features

__all__ = ["read_features"]

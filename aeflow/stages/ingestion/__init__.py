"""The ingest stage: it reads a source, splits and validates its rows, and writes Arrow shards."""

from aeflow.stages.ingestion.ingest import ingest

__all__ = ["ingest"]

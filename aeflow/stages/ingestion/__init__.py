"""Prepares datasets: reads a source, splits, validates, and writes Arrow shards."""

from aeflow.stages.ingestion.ingest import ingest

__all__ = ["ingest"]

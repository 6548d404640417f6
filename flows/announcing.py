"""Events that a server's automations react to."""

from prefect.events import emit_event
from prefect.runtime import flow_run

from aeflow.artifacts import Dataset, Drift, Model

__all__ = ["DRIFTED", "FLOW_LABEL", "announce_drift"]

DRIFTED = "drift.detected"
FLOW_LABEL = "aeflow.flow"
"""Names the flow that measured: retraining must not start retraining."""

NAMED = 100


def announce_drift(drift: Drift, *, model: Model, dataset: Dataset) -> None:
    """Tells the server that a dataset drifted; nothing where it did not. It cannot fail a run."""
    if not drift.drifted:
        return
    emit_event(
        DRIFTED,
        resource={
            "prefect.resource.id": f"aeflow.dataset.{dataset.name}",
            "prefect.resource.name": dataset.name,
            FLOW_LABEL: flow_run.flow_name or "",
        },
        payload={
            "dataset": dataset.name,
            "dataset_key": dataset.key,
            "model": model.key,
            "drift": drift.key,
            # An event has a largest size, and there may be tens of thousands of columns.
            "columns": list(drift.columns[:NAMED]),
            "num_columns": len(drift.columns),
            "p": drift.smallest_p,
            "rows": drift.rows,
        },
    )

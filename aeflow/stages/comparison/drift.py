"""The drift stage: whether rows still look like those that a model was trained on."""

import json

import numpy as np
import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Drift, Model
from aeflow.configs import DriftConfig
from aeflow.datasets.shards import check_fits, shard_names
from aeflow.progress import Progress
from aeflow.stages import Answered, Work, stage

__all__ = ["measure_drift"]

INPUTS = "inputs.parquet"


@stage(Drift, name="drift", version=3, run_name="drift of {dataset.name}")
def measure_drift(work: Work, model: Model, config: DriftConfig, *, dataset: Dataset) -> Answered:
    """Compares a split's errors and latents with those of the rows held out in training.

    A column drifted if its p-value (Kolmogorov-Smirnov for errors and single dimensions), corrected
    for the number of columns, is below `significance`, and its stability index is at least
    `min_psi` above the index by chance. Both are needed: in large sets, negligible changes are
    significant, and in small sets, the index is large by chance. A few out-of-distribution rows
    among many change neither of the two values. Use `error_percentile` in the features to detect
    single rows. The inputs are also compared, position by position, with the statistics of the
    dataset that the model was trained on. This comparison shows at which positions the inputs
    changed, and does not affect the verdict. Raises ConfigError if the dataset does not have the
    split, or if its examples do not fit the model.
    """
    from aeflow.pictures.figures import drift_histogram
    from aeflow.stages.comparison.drift_table import drift_table
    from aeflow.stages.comparison.encoded import encode_rows, read_reference
    from aeflow.stages.comparison.inputs import moved_inputs
    from aeflow.stages.comparison.shifts import ERROR, shifts

    check_fits(model, dataset)
    shard_names(dataset, config.split, work.store)  # refuses an unknown split before any work
    total, done = dataset.rows[config.split], 0

    def on_rows(count: int, message: str = "") -> None:
        nonlocal done
        done += count
        work.on_progress(Progress("drift", done, total, "row", message))

    on_rows(0)
    reference = read_reference(model, work.store)
    rows = encode_rows(model, dataset, work, split=config.split, num_rows=total, on_rows=on_rows)
    column_shifts = []
    for shift in shifts(reference, rows):
        column_shifts.append(shift)
        on_rows(0, f"compared {shift.column}")
    inputs = moved_inputs(model, dataset, work.store, config=config)
    table = drift_table(column_shifts, config, num_reference=len(reference.errors), num_rows=total)
    with work.draft.writing(INPUTS) as path:
        pq.write_table(inputs.table, path)
    with work.draft.writing("drift.json") as path:
        path.write_text(json.dumps({**table, "inputs": inputs.to_json()}, indent=2) + "\n", "utf-8")
    with work.draft.writing("figures/drift.png") as path:
        errors = np.nan_to_num(rows.errors, nan=np.inf, posinf=np.inf)
        drift_histogram(reference.errors, errors, path)
    fields = {
        "drifted": table["drifted"],
        "rows": total,
        "columns": [row["column"] for row in table["columns"] if row["drifted"]],
        "max_psi": max(shift.psi for shift in column_shifts),
        "error_psi": next(shift.psi for shift in column_shifts if shift.column == ERROR),
        "smallest_p": min(shift.p for shift in column_shifts),
        "inputs_moved": inputs.moved,
    }
    return Answered(fields)

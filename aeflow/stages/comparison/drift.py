"""The drift stage: whether rows still look like those that a model was trained on."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Drift, Model
from aeflow.configs import DriftConfig
from aeflow.datasets.shards import check_fits, shard_names
from aeflow.progress import Progress
from aeflow.stages import Answered, Work, stage

if TYPE_CHECKING:
    from aeflow.models.inference import Encoded
    from aeflow.stages.comparison.inputs import InputShifts

__all__ = ["measure_drift"]

INPUTS = "inputs.parquet"


@stage(Drift, name="drift", version=3, run_name="drift of {dataset.name}")
def measure_drift(
    work: Work,
    model: Model,
    config: DriftConfig,
    *,
    dataset: Dataset,
    earlier: Dataset | None = None,
) -> Answered:
    """Compares a split's errors and latents with those of the rows held out in training.

    A column drifted if its p-value (Kolmogorov-Smirnov for errors and single dimensions), corrected
    for the number of columns, is below `significance`, and its stability index is at least
    `min_psi` above the index by chance. Both are needed: in large sets, negligible changes are
    significant, and in small sets, the index is large by chance. A few out-of-distribution rows
    among many change neither of the two values. Use `error_percentile` in the features to detect
    single rows. The inputs are also compared, position by position, with the statistics of the
    dataset that the model was trained on. This comparison shows at which positions the inputs
    changed, and does not affect the verdict. With an earlier dataset, the rows of all splits that
    it does not have are also compared with those of the last nights (`new_rows` has the rule), so
    that many good days do not hide a broken one. Raises ConfigError if the dataset does not have
    the split, or if its examples do not fit the model.
    """
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
    new = _new_rows(work, model, config, dataset=dataset, earlier=earlier) if earlier else None
    table = drift_table(column_shifts, config, num_reference=len(reference.errors), num_rows=total)
    _write(work, table, new, inputs)
    _draw(work, reference, rows)
    fields = {
        "drifted": table["drifted"] or bool(new and new["drifted"]),
        "rows": total,
        "columns": [row["column"] for row in table["columns"] if row["drifted"]],
        "max_psi": max(shift.psi for shift in column_shifts),
        "error_psi": next(shift.psi for shift in column_shifts if shift.column == ERROR),
        "smallest_p": min(shift.p for shift in column_shifts),
        "inputs_moved": inputs.moved,
    }
    about_new = {"new_rows": new["new_rows"], "new_drifted": new["drifted"]} if new else {}
    return Answered(fields | about_new)


def _write(
    work: Work, table: dict[str, Any], new: dict[str, Any] | None, inputs: "InputShifts"
) -> None:
    with work.draft.writing(INPUTS) as path:
        pq.write_table(inputs.table, path)
    with work.draft.writing("drift.json") as path:
        content = {**table, **({"new": new} if new else {}), "inputs": inputs.to_json()}
        path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _draw(work: Work, reference: "Encoded", rows: "Encoded") -> None:
    from aeflow.pictures.figures import drift_histogram

    with work.draft.writing("figures/drift.png") as path:
        errors = np.nan_to_num(rows.errors, nan=np.inf, posinf=np.inf)
        drift_histogram(reference.errors, errors, path)


def _new_rows(
    work: Work, model: Model, config: DriftConfig, *, dataset: Dataset, earlier: Dataset
) -> dict[str, Any]:
    """Judges the rows that the earlier dataset does not have, if there are any."""
    from aeflow.stages.comparison.encoded import read_reference
    from aeflow.stages.comparison.new_rows import NightRows, judge_new_rows
    from aeflow.stages.comparison.window import Window

    window = Window.since(earlier, model=model, dataset=dataset, work=work)
    since = {"new_rows": window.num_new, "since": earlier.address}
    if not window.num_new:
        verdict = "No rows are new, so there is nothing to judge."
        return {"verdict": verdict, "drifted": False, **since}
    done = 0

    def on_rows(count: int) -> None:
        nonlocal done
        done += count
        total = max(done, window.num_rows)
        work.on_progress(Progress("drift", done, total, "row", "new rows"))

    on_rows(0)
    new, nights = window.new(on_rows), window.nights(on_rows)
    if not nights:
        held_out = read_reference(model, work.store)
        unseen = np.ones(len(held_out.errors), dtype=bool)
        nights = [NightRows(held_out.latents, held_out.errors, unseen)]
    return {**judge_new_rows(new, nights, config), **since}

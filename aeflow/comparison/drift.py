"""The drift stage: whether rows still look to a model like those that it was trained on."""

import json
from dataclasses import asdict
from functools import partial

import numpy as np
import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Drift, Model
from aeflow.comparison.encoded import encode_rows
from aeflow.comparison.inputs import InputShifts, input_shifts
from aeflow.comparison.shifts import ERROR, Shift, can_tell, shifts
from aeflow.configs import DriftConfig, RuntimeConfig
from aeflow.datasets.shards import check_fits, shard_names
from aeflow.datasets.statistics import read_statistics
from aeflow.figures import drift_histogram
from aeflow.lineage import Question
from aeflow.models.inference import Encoded
from aeflow.progress import OnProgress, Progress, silent, with_deadline
from aeflow.runtime import prepare
from aeflow.storage import Draft, Store

__all__ = ["measure_drift", "verdict_line"]

REFERENCE = "reference.parquet"
INPUTS = "inputs.parquet"
NAMED = 3


def measure_drift(
    model: Model,
    config: DriftConfig,
    store: Store,
    *,
    dataset: Dataset,
    runtime: RuntimeConfig = RuntimeConfig(),
    on_progress: OnProgress = silent,
) -> Drift:
    """Compares a split's errors and latents with those of the rows held out in training.

    A column drifted when its Kolmogorov-Smirnov p-value, corrected for the number of columns, is
    below `significance`, and its stability index at least `min_psi` above what chance alone gives:
    in large sets every trifle is significant, in small ones the index is large by chance. A few
    strangers among many rows move neither: see `error_percentile` in the features for single rows.
    What goes in is summed up beside it, position by position, from the statistics of the dataset
    that the model was trained on: it says where rows changed, and decides nothing.
    Raises ConfigError where the dataset has no such split, or examples of another schema.
    """
    question = Question(
        stage="drift",
        version=3,
        folder=Drift.folder,
        configs={"drift": config.hashed()},
        inputs={"model": model.reference, "dataset": dataset.reference},
    )
    check_fits(model, dataset)
    shard_names(dataset, config.split, store)  # an unknown split is refused before any work
    used = prepare(runtime)
    return store.answer(
        question,
        Drift,
        partial(
            _measure,
            model=model,
            config=config,
            store=store,
            dataset=dataset,
            runtime=runtime,
            cpu=used["cpu"],
            on_progress=with_deadline(on_progress, runtime.deadline_seconds),
        ),
        runtime=used,
        on_progress=on_progress,
    )


def _measure(draft: Draft, *, model, config, store, dataset, runtime, cpu, on_progress):
    total, done = dataset.rows[config.split], 0

    def on_rows(count: int, message: str = "") -> None:
        nonlocal done
        done += count
        on_progress(Progress("drift", done, total, "row", message))

    on_rows(0)
    seen = partial(encode_rows, model, dataset, store, split=config.split, num_rows=total)
    reference = _reference(model, store)
    rows = seen(runtime=runtime, cpu=cpu, on_rows=on_rows)
    measured = []
    for shift in shifts(reference, rows):
        measured.append(shift)
        on_rows(0, f"compared {shift.column}")
    inputs = _inputs(model, dataset, config, store)
    table = _table(measured, config, num_reference=len(reference.errors), num_rows=total)
    with draft.writing(INPUTS) as path:
        pq.write_table(inputs.table, path)
    with draft.writing("drift.json") as path:
        path.write_text(json.dumps({**table, "inputs": inputs.to_json()}, indent=2) + "\n", "utf-8")
    with draft.writing("figures/drift.png") as path:
        errors = np.nan_to_num(rows.errors, nan=np.inf, posinf=np.inf)
        drift_histogram(reference.errors, errors, path)
    return {
        "drifted": table["drifted"],
        "rows": total,
        "columns": [row["column"] for row in table["columns"] if row["drifted"]],
        "max_psi": max(shift.psi for shift in measured),
        "error_psi": next(shift.psi for shift in measured if shift.column == ERROR),
        "smallest_p": min(shift.p for shift in measured),
        "inputs_moved": inputs.moved,
    }


def _table(
    measured: list[Shift], config: DriftConfig, *, num_reference: int, num_rows: int
) -> dict:
    drifted = [shift for shift in measured if _has_drifted(shift, config)]
    columns = [{**asdict(shift), "drifted": shift in drifted} for shift in measured]
    enough = can_tell(
        num_reference, num_rows, num_tests=len(measured), significance=config.significance
    )
    return {
        "verdict": verdict_line(measured, drifted, num_rows=num_rows, enough=enough),
        "drifted": bool(drifted),
        "split": config.split,
        "rows": num_rows,
        "reference_rows": num_reference,
        "significance": config.significance,
        "min_psi": config.min_psi,
        "columns": columns,
    }


def _has_drifted(shift: Shift, config: DriftConfig) -> bool:
    return shift.p < config.significance and shift.psi - shift.psi_by_chance >= config.min_psi


def verdict_line(
    measured: list[Shift], drifted: list[Shift], *, num_rows: int, enough: bool = True
) -> str:
    """Says in one sentence which columns drifted, or that none did, and by how much."""
    if not enough:
        return f"Too few rows to tell drift: {num_rows:,}."
    largest = max(measured, key=lambda shift: shift.psi)
    if not drifted:
        return (
            f"No drift in {num_rows:,} rows: largest PSI {largest.psi:.2f} ({largest.column}), "
            f"by chance alone about {largest.psi_by_chance:.2f}."
        )
    first = sorted(drifted, key=lambda shift: -shift.psi)[:NAMED]
    named = ", ".join(f"{s.column} (PSI {s.psi:.2f}, {_p(s.p)})" for s in first)
    others = len(drifted) - len(first)
    more = f" and {others} more" if others else ""
    return f"Drifted in {num_rows:,} rows: {named}{more}, of {len(measured)} columns."


def _p(p: float) -> str:
    return "p < 1e-10" if p < 1e-10 else f"p = {p:.1g}"


def _inputs(model: Model, dataset: Dataset, config: DriftConfig, store: Store) -> InputShifts:
    trained_on = store.manifest(model.address).question.inputs["dataset"].address
    before = Dataset.model_validate(store.manifest(trained_on).artifact)
    return input_shifts(
        read_statistics(before, store)["train"],
        read_statistics(dataset, store)[config.split],
        dataset.example_schema,
        significance=config.significance,
    )


def _reference(model: Model, store: Store) -> Encoded:
    table = pq.read_table(store.reading(model, [REFERENCE]) / REFERENCE)
    latents = table["latent"].combine_chunks().flatten().to_numpy()
    return Encoded(latents.reshape(len(table), -1), table[ERROR].to_numpy())

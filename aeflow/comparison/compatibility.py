"""The compatibility stage: whether features of an old model may live beside those of a new one."""

import json
from functools import partial

from aeflow.artifacts import Compatibility, Dataset, Model
from aeflow.comparison.alignment import linear_r2, neighbour_overlap, procrustes_error
from aeflow.comparison.encoded import encode_rows
from aeflow.configs import CompatibilityConfig, RuntimeConfig
from aeflow.datasets.shards import check_fits, shard_names
from aeflow.errors import ConfigError
from aeflow.lineage import Question
from aeflow.progress import OnProgress, Progress, silent, with_deadline
from aeflow.runtime import prepare
from aeflow.storage import Draft, Store

__all__ = ["measure_compatibility"]

SAME = {"identical": True, "rows": 0, "procrustes": 0.0, "neighbour_overlap": 1.0, "r2": 1.0}


def measure_compatibility(
    new: Model,
    config: CompatibilityConfig,
    store: Store,
    *,
    old: Model,
    dataset: Dataset,
    runtime: RuntimeConfig = RuntimeConfig(),
    on_progress: OnProgress = silent,
) -> Compatibility:
    """Compares the latents that two models give the first rows of a split.

    One model twice is answered without encoding. Raises ConfigError where the dataset has no such
    split, too few rows, or examples of another schema.
    """
    question = Question(
        stage="compatibility",
        version=1,
        folder=Compatibility.folder,
        configs={"compatibility": config.hashed()},
        inputs={"new": new.reference, "old": old.reference, "dataset": dataset.reference},
    )
    for model in (new, old):
        check_fits(model, dataset)
    shard_names(dataset, config.split, store)  # an unknown split is refused before any work
    _check_rows(dataset, config)
    used = prepare(runtime)
    return store.answer(
        question,
        Compatibility,
        partial(
            _measure,
            models={"old": old, "new": new},
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


def _check_rows(dataset: Dataset, config: CompatibilityConfig) -> None:
    rows = _num_rows(dataset, config)
    needed = max(config.num_neighbours + 1, 4)
    if rows < needed:
        raise ConfigError(
            f"Comparing {config.num_neighbours} neighbours takes {needed} rows, and there are "
            f"{rows} of the split '{config.split}'. Choose fewer neighbours or another split."
        )


def _num_rows(dataset: Dataset, config: CompatibilityConfig) -> int:
    return min(config.max_rows, dataset.rows[config.split])


def _measure(draft: Draft, *, models, config, store, dataset, runtime, cpu, on_progress):
    if models["old"].identity == models["new"].identity:
        return _written(draft, SAME, "Old and new are the same model.", config=config)
    num_rows, done = _num_rows(dataset, config), 0

    def on_rows(count: int, message: str = "") -> None:
        nonlocal done
        done += count
        on_progress(Progress("compatibility", done, 2 * num_rows, "row", message))

    on_rows(0)
    seen = partial(encode_rows, split=config.split, num_rows=num_rows, runtime=runtime, cpu=cpu)
    old, new = (
        seen(models[name], dataset, store, on_rows=on_rows).latents for name in ("old", "new")
    )
    on_rows(0, "compares the latents")
    measured = {
        "identical": False,
        "rows": num_rows,
        "procrustes": procrustes_error(old, new),
        "neighbour_overlap": neighbour_overlap(old, new, config.num_neighbours),
        "r2": linear_r2(old, new),
    }
    return _written(draft, measured, _verdict(measured, config), config=config)


def _verdict(measured: dict, config: CompatibilityConfig) -> str:
    """Says it in one sentence; models of two identities never share features."""
    return (
        "Old and new features must not be mixed: the best rotation leaves "
        f"{measured['procrustes']:.0%} of the difference, neighbours overlap "
        f"{measured['neighbour_overlap']:.0%} (by chance "
        f"{config.num_neighbours / (measured['rows'] - 1):.1%}), and a linear map explains "
        f"{measured['r2']:.0%} of the new latents, in {measured['rows']:,} rows."
    )


def _written(draft: Draft, measured: dict, verdict: str, *, config: CompatibilityConfig) -> dict:
    asked = {"split": config.split, "num_neighbours": config.num_neighbours}
    with draft.writing("compatibility.json") as path:
        content = {"verdict": verdict, **measured, **asked}
        path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    return measured

"""The compatibility stage: whether features of an old model and of a new one may be mixed."""

import json

from aeflow.artifacts import Compatibility, Dataset, Model
from aeflow.configs import CompatibilityConfig
from aeflow.datasets.shards import check_fits, shard_names
from aeflow.errors import ConfigError
from aeflow.progress import Progress
from aeflow.stages import Answered, Work, stage
from aeflow.storage import Draft

__all__ = ["measure_compatibility"]

SAME = {"identical": True, "rows": 0, "procrustes": 0.0, "neighbour_overlap": 1.0, "r2": 1.0}


@stage(
    Compatibility,
    name="compatibility",
    version=1,
    run_name="compatibility of {new.key} with {old.key}",
)
def measure_compatibility(
    work: Work, new: Model, config: CompatibilityConfig, *, old: Model, dataset: Dataset
) -> Answered:
    """Compares the latents that two models compute for the first rows of a split.

    Nothing is encoded if both are the same model. Raises ConfigError if the dataset does not have
    the split, if the split has too few rows, or if the examples have another schema than a model's.
    """
    from aeflow.stages.comparison.alignment import linear_r2, neighbour_overlap, procrustes_error
    from aeflow.stages.comparison.encoded import encode_rows

    for model in (new, old):
        check_fits(model, dataset)
    shard_names(dataset, config.split, work.store)  # refuses an unknown split before any work
    _check_rows(dataset, config)
    if old.identity == new.identity:
        return _write(work.draft, SAME, "Old and new are the same model.", config=config)
    num_rows, done = _num_rows(dataset, config), 0

    def on_rows(count: int, message: str = "") -> None:
        nonlocal done
        done += count
        work.on_progress(Progress("compatibility", done, 2 * num_rows, "row", message))

    on_rows(0)
    before, after = (
        encode_rows(
            model, dataset, work, split=config.split, num_rows=num_rows, on_rows=on_rows
        ).latents
        for model in (old, new)
    )
    on_rows(0, "comparing the latents")
    similarity = {
        "identical": False,
        "rows": num_rows,
        "procrustes": procrustes_error(before, after),
        "neighbour_overlap": neighbour_overlap(before, after, config.num_neighbours),
        "r2": linear_r2(before, after),
    }
    return _write(work.draft, similarity, _verdict(similarity, config), config=config)


def _check_rows(dataset: Dataset, config: CompatibilityConfig) -> None:
    rows = _num_rows(dataset, config)
    needed = max(config.num_neighbours + 1, 4)
    if rows < needed:
        raise ConfigError(
            f"Comparing {config.num_neighbours} neighbours needs {needed} rows, but only {rows} of "
            f"the split '{config.split}' are compared. Choose fewer neighbours or another split."
        )


def _num_rows(dataset: Dataset, config: CompatibilityConfig) -> int:
    return min(config.max_rows, dataset.rows[config.split])


def _verdict(similarity: dict, config: CompatibilityConfig) -> str:
    """Returns the verdict in one sentence; features of two identities must never be mixed."""
    return (
        "Old and new features must not be mixed: the best rotation leaves "
        f"{similarity['procrustes']:.0%} of the difference, neighbours overlap "
        f"{similarity['neighbour_overlap']:.0%} (by chance "
        f"{config.num_neighbours / (similarity['rows'] - 1):.1%}), and a linear map explains "
        f"{similarity['r2']:.0%} of the new latents, in {similarity['rows']:,} rows."
    )


def _write(
    draft: Draft, similarity: dict, verdict: str, *, config: CompatibilityConfig
) -> Answered:
    settings = {"split": config.split, "num_neighbours": config.num_neighbours}
    with draft.writing("compatibility.json") as path:
        content = {"verdict": verdict, **similarity, **settings}
        path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    return Answered(similarity)

"""How far the inputs of a model have moved, position by position.

A position is one value of an input: a column of a vector, or a channel of a pixel of an image.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
from scipy.stats import ttest_ind_from_stats

from aeflow.artifacts import Dataset, Model
from aeflow.configs import DriftConfig
from aeflow.datasets.statistics import SCALARS, SplitStatistics, read_statistics
from aeflow.schema import ExampleSchema
from aeflow.storage import Store

__all__ = ["InputShifts", "input_shifts", "moved_inputs"]

SMALL_EFFECT = 0.2
"""A small effect in standard deviations (Cohen, Statistical Power Analysis, 1988, p. 25)."""
NAMED = 20


@dataclass(frozen=True)
class InputShifts:
    """Holds the statistics of every position of an input before and now, the largest effect first.

    The table has one row for each position. It contains the mean and standard deviation in raw
    units, before and now. `effect` is the difference of the means in pooled standard deviations,
    and `p` is that of Welch's t-test times the number of positions (Bonferroni). `moved` says
    whether `p` is significant and the effect is at least 0.2 in size.
    """

    table: pa.Table
    before: SplitStatistics
    now: SplitStatistics

    @property
    def moved(self) -> int:
        """The number of moved positions in an input.

        A position has moved if its mean changed significantly, by at least 0.2 pooled standard
        deviations.
        """
        return sum(self.table["moved"].to_pylist())

    def to_json(self) -> dict:
        """Returns statistics over all values, and the positions with the largest effects."""
        overall = {"before": asdict(self.before), "now": asdict(self.now)}
        return {
            "positions": len(self.table),
            "moved": self.moved,
            **{name: {key: values[key] for key in SCALARS} for name, values in overall.items()},
            "largest": self.table.slice(0, NAMED).to_pylist(),
        }


def moved_inputs(
    model: Model, dataset: Dataset, store: Store, *, config: DriftConfig
) -> InputShifts:
    """Compares the inputs of a split with those of the rows that a model was trained on."""
    trained_on = store.manifest(model.address).question.inputs["dataset"].address
    before = Dataset.model_validate(store.manifest(trained_on).artifact)
    return input_shifts(
        read_statistics(before, store)["train"],
        read_statistics(dataset, store)[config.split],
        dataset.example_schema,
        significance=config.significance,
    )


def input_shifts(
    before: SplitStatistics, now: SplitStatistics, schema: ExampleSchema, *, significance: float
) -> InputShifts:
    """Compares the means of two splits at each position, using only the splits' statistics."""
    mean, std = before.position_mean.ravel(), _sample_std(before)
    mean_now, std_now = now.position_mean.ravel(), _sample_std(now)
    with np.errstate(divide="ignore", invalid="ignore"):  # if nothing varies
        test = ttest_ind_from_stats(
            mean, std, before.count, mean_now, std_now, now.count, equal_var=False
        )
    alike = np.isclose(mean, mean_now, rtol=1e-9, atol=0)
    p = np.where(np.isnan(test.pvalue), alike, test.pvalue) * len(mean)
    if min(before.count, now.count) < 2:  # the test needs a variance; one row has none
        p = np.ones(len(mean))
    pooled = np.sqrt((std**2 + std_now**2) / 2)
    least = 1e-6 * max(before.std, now.std, np.finfo(np.float64).tiny)  # avoids a division by 0
    effect = np.where(alike, 0.0, (mean_now - mean) / np.maximum(pooled, least))
    table = pa.table(
        {
            "position": _positions(schema),
            "mean": mean,
            "mean_now": mean_now,
            "std": std,
            "std_now": std_now,
            "effect": effect,
            "p": np.minimum(p, 1.0),
            "moved": (p < significance) & (np.abs(effect) >= SMALL_EFFECT),
        }
    )
    return InputShifts(table.take(np.argsort(-np.abs(effect), kind="stable")), before, now)


def _sample_std(statistics: SplitStatistics) -> np.ndarray:
    count = statistics.count
    return statistics.position_std.ravel() * np.sqrt(count / max(count - 1, 1))


def _positions(schema: ExampleSchema) -> list[str]:
    """Returns the columns of a vector, or the row, column and channel of each value of an image."""
    if schema.columns:
        return list(schema.columns)
    return [",".join(map(str, index)) for index in np.ndindex(schema.shape)]

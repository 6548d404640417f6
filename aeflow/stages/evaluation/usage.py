"""Metrics of how a model uses its latent; the kind of autoencoder defines these metrics."""

from collections.abc import Iterator

import numpy as np

from aeflow.compute.tensorflow import tf
from aeflow.stages.evaluation.trial import Trial

__all__ = ["usage_scores"]

JUDGED_ROWS, BATCH = 10_000, 1024


def usage_scores(trial: Trial) -> dict[str, np.ndarray]:
    """Returns the metrics of how the model uses its latent, by name.

    The model's kind of autoencoder defines them. Each metric is one value [] over at most 10,000
    judged rows.
    """

    def batches() -> Iterator[tf.Tensor]:
        for sample in trial.samples(trial.split, JUDGED_ROWS):
            for start in range(0, len(sample.rows), BATCH):
                trial.on_step("use of the latent")
                yield trial.network.preprocessing(sample.rows[start : start + BATCH])

    return {name: np.array(value) for name, value in trial.network.usage(batches()).items()}

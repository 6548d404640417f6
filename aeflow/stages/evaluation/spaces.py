"""The latents that are scored: those of a model, and those of PCA for the same rows."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from aeflow.stages.evaluation.sampling import read_places, sampled_places
from aeflow.stages.evaluation.scores import Space
from aeflow.stages.evaluation.trial import Trial

__all__ = ["read_spaces"]

FITTED_ROWS, JUDGED_ROWS, COMPARED_ROWS = 60_000, 10_000, 2_000
MOST_VALUES = 2**26
"""The maximum number of latent or input values in a sample, which limits the memory."""


@dataclass(frozen=True)
class _Encoded:
    latents: np.ndarray
    pca: np.ndarray
    labels: pa.Array | None


def read_spaces(trial: Trial) -> dict[str, Space]:
    """Returns two latent spaces by name: "" is the space of the model, "_pca" that of PCA.

    Each space has at most 60,000 training rows and at most 10,000 judged rows. A space has no
    labels if the model is judged on the split that PCA was fitted to, because each row would then
    be its own nearest neighbour.
    """
    split, judge = trial.split, trial.judge
    affordable = 1 + MOST_VALUES // trial.model.latent_dim

    def encode(name: str, max_rows: int) -> _Encoded:
        latents, pca, labels = [], [], []
        for sample in trial.samples(name, min(max_rows, affordable)):
            rows = sample.rows
            latents.append(trial.inference.latents(rows, lambda _count: trial.on_step("latents")))
            pca.append(judge.pca.encode(judge.scaled(rows)))
            labels.append(sample.labels)
        label_array = None if labels[0] is None else pa.concat_arrays(labels)
        return _Encoded(np.concatenate(latents), np.concatenate(pca), label_array)

    fitted_rows, judged_rows = encode(judge.fitted_on, FITTED_ROWS), encode(split, JUDGED_ROWS)
    has_labels = split != judge.fitted_on
    of_model = Space(
        fitted_latents=fitted_rows.latents,
        judged_latents=judged_rows.latents,
        fitted_labels=fitted_rows.labels if has_labels else None,
        judged_labels=judged_rows.labels if has_labels else None,
        has_unit_prior=trial.network.has_unit_prior,
        **_compared_rows(trial, len(judged_rows.latents)),
    )
    of_pca = replace(
        of_model,
        fitted_latents=fitted_rows.pca,
        judged_latents=judged_rows.pca,
        has_unit_prior=False,
    )
    return {"": of_model, "_pca": of_pca}


def _compared_rows(trial: Trial, num_judged: int) -> dict[str, np.ndarray]:
    """Reads a sample of the evaluated rows, in input units, for the comparison of neighbours."""
    dataset, split = trial.dataset, trial.split
    size = dataset.example_schema.size
    compared_places = sampled_places(num_judged, min(COMPARED_ROWS, 2 + MOST_VALUES // size))
    places = sampled_places(dataset.rows[split], num_judged)[compared_places]
    inputs = [
        trial.judge.scaled(sample.rows).reshape(len(sample.rows), -1)
        for sample in read_places(dataset, split, trial.work.store, places=places)
    ]
    return {"compared_places": compared_places, "inputs": np.concatenate(inputs)}

"""The figures of an evaluation: examples, generated images, errors and training curves."""

from collections.abc import Mapping

import numpy as np
import pyarrow.parquet as pq

from aeflow.pictures.figures import error_histogram, reconstruction_panel, training_curves
from aeflow.pictures.galleries import image_grid
from aeflow.stages.evaluation.gathering import ScoredExamples
from aeflow.stages.evaluation.sampling import read_places
from aeflow.stages.evaluation.trial import Trial

__all__ = ["draw_curves", "draw_generated", "draw_judged", "draw_typical"]

PANEL_EXAMPLES = 10
SAMPLE_LINES, PATHS, SEED = 3, 4, 0


def draw_judged(trial: Trial, examples: ScoredExamples) -> None:
    """Draws the first judged examples, and the examples with the largest errors."""
    first, worst = examples.first, examples.worst
    with trial.work.draft.writing("figures/reconstructions.png") as path:
        head = slice(PANEL_EXAMPLES)
        reconstruction_panel(first.x[head], first.x_hat[head], path)
    with trial.work.draft.writing("figures/worst.png") as path:
        originals, reconstructions = ([row[key] for row in worst] for key in ("x", "x_hat"))
        captions = [f"{row['mse']:.4f}" for row in worst]
        reconstruction_panel(
            np.stack(originals), np.stack(reconstructions), path, captions=captions
        )


def draw_typical(trial: Trial, examples: ScoredExamples) -> None:
    """Draws the examples whose errors are nearest to the median error."""
    errors = trial.errors["mse"]
    nearest = np.argsort(np.abs(errors - np.median(errors)), kind="stable")[:PANEL_EXAMPLES]
    places = np.sort(nearest)
    samples = read_places(trial.dataset, trial.split, trial.work.store, places=places)
    rows = np.concatenate([sample.rows for sample in samples])
    batches = list(trial.inference.reconstruct(rows))
    x_hat = trial.judge.scaled(np.concatenate([batch.reconstructions for batch in batches]))
    captions = [f"{error:.4f}" for error in errors[places]]
    with trial.work.draft.writing("figures/typical.png") as path:
        reconstruction_panel(trial.judge.scaled(rows), x_hat, path, captions=captions)


def draw_generated(trial: Trial, examples: ScoredExamples) -> None:
    """Draws samples of a generative model of images, and interpolations between examples.

    An interpolation is a straight path in the latent, between two of the first judged examples.
    Nothing is drawn if the model is not generative, or if its examples are vectors.
    """
    x = examples.first.x
    if not trial.network.is_generative or x.ndim != 4:
        return
    samples = trial.network.sample(SAMPLE_LINES * PANEL_EXAMPLES, seed=SEED).numpy()
    with trial.work.draft.writing("figures/samples.png") as path:
        image_grid(samples.reshape(SAMPLE_LINES, PANEL_EXAMPLES, *samples.shape[1:]), path)
    num_paths = min(PATHS, len(x) // 2)
    if num_paths == 0:
        return
    ends = examples.first.latents[: 2 * num_paths, np.newaxis]
    start, end = ends[::2], ends[1::2]
    shares = np.linspace(0, 1, PANEL_EXAMPLES, dtype=np.float32)[:, np.newaxis]
    between = (1 - shares) * start + shares * end
    images = trial.network.decode(between.reshape(-1, between.shape[-1])).numpy()
    with trial.work.draft.writing("figures/interpolations.png") as path:
        image_grid(images.reshape(*between.shape[:2], *images.shape[1:]), path)


def draw_curves(trial: Trial, metrics: Mapping[str, float]) -> None:
    """Draws the histogram of errors and the training curves.

    Both figures show the mean error of PCA. The histogram also shows the mean error of the baseline
    that reconstructs every example as the mean example.
    """
    pca = {f"PCA-{trial.model.latent_dim}": metrics["mse_pca"]}
    mean_of = "mean image" if trial.model.example_schema.is_image else "mean row"
    mean = {mean_of: metrics["mse_mean_image"]}
    with trial.work.draft.writing("figures/error_histogram.png") as path:
        error_histogram(trial.errors["mse"], path, baselines=pca | mean)
    history = pq.read_table(
        trial.work.store.reading(trial.model, ["history.parquet"]) / "history.parquet"
    )
    with trial.work.draft.writing("figures/training_curves.png") as path:
        training_curves(history, path, baselines=pca)

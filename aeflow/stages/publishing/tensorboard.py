"""The TensorBoard events of a run: scalars, pictures, histograms of latents, HParams."""

from pathlib import Path

from tensorboard.plugins.hparams import api as hparams

from aeflow.compute.tensorflow import tf
from aeflow.pictures.summaries import write_scalars
from aeflow.stages.publishing.results import Results

__all__ = ["EVENTS", "write_events"]

EVENTS = "events.out.tfevents.0.aeflow"
"""The name of a published event file. TensorFlow would name it by time and host."""

LATENTS_SHOWN = 8


def write_events(folder: Path, results: Results) -> None:
    """Writes one event file for a run into a local folder; the steps are those of training."""
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=results.last_step):
        _write_training(results)
        _write_judgement(results)
        _write_pictures(results)
        _write_latents(results)
        # No `hparams_config`: TensorBoard would apply one run's config to all runs it compares.
        hparams.hparams(_plain_settings(results), trial_id=results.model.key)
    writer.close()
    (event_file,) = folder.glob("events.out.tfevents.*")
    event_file.rename(folder / EVENTS)


def _write_training(results: Results) -> None:
    for terms in results.history.to_pylist():
        write_scalars(terms["step"], terms)


def _write_judgement(results: Results) -> None:
    for name, value in results.evaluation.metrics.items():
        tf.summary.scalar(f"{results.evaluation.split}/{name}", value)
    tf.summary.text("verdict", results.judgement["verdict"])


def _write_pictures(results: Results) -> None:
    for name, path in results.figures.items():
        picture = tf.io.decode_png(path.read_bytes(), channels=3)
        tf.summary.image(f"{results.evaluation.split}/{name}", picture[tf.newaxis])


def _write_latents(results: Results) -> None:
    latents = results.latents
    tf.summary.histogram("latent/all", latents)
    for dimension in range(min(LATENTS_SHOWN, latents.shape[1])):
        tf.summary.histogram(f"latent/{dimension:03d}", latents[:, dimension])


def _plain_settings(results: Results) -> dict[str, bool | int | float | str]:
    """Returns the settings of the model and its training, in types that HParams supports."""
    return {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in results.settings.items()
        if name.startswith(("model.", "train."))
    }

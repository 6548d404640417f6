"""TensorBoard summaries during training: scalars per epoch, and a panel of reconstructions."""

import numpy as np

from aeflow.compute.tensorflow import tf
from aeflow.models import Inference
from aeflow.pictures.summaries import write_panel, write_scalars
from aeflow.schema import ExampleSchema
from aeflow.stages.training.loop import Run
from aeflow.storage import Store

__all__ = ["LiveSummaries"]

PANEL_IMAGES = 10
PANEL_STEPS = 10


class LiveSummaries:
    """Writes each epoch to an event file. The file grows during training and is in no manifest.

    TensorFlow writes only to a local disk. During training, a store on another machine gets a copy
    of the file every few seconds.
    """

    def __init__(self, name: str, store: Store, *, run: Run, schema: ExampleSchema):
        epochs = run.config.epochs
        self._name = name
        self._files = store.files
        self._writer = tf.summary.create_file_writer(str(store.files.path(name)))
        self._panel_epochs = {round(e) for e in np.linspace(1, epochs, min(PANEL_STEPS, epochs))}
        self._rows = run.validation_rows.first(PANEL_IMAGES)
        self._schema = schema
        self._inference = Inference(run.model, schema, len(self._rows))

    def __enter__(self) -> "LiveSummaries":
        """Returns this object. The event file is closed at the end of the block, even on errors."""
        return self

    def __exit__(self, *reason: object) -> None:
        """Closes the event file, and uploads it if the store is on another machine."""
        self._writer.close()
        self._files.publish(self._name, at_once=True)

    def write(self, epoch: dict[str, float]) -> None:
        """Writes the scalars of an epoch.

        For images, it also writes the panel of reconstructions in at most ten epochs of a run.
        """
        step = int(epoch["step"])
        with self._writer.as_default(step=step):
            write_scalars(step, epoch)
            with tf.summary.record_if(epoch["epoch"] in self._panel_epochs):
                if self._schema.is_image:
                    self._write_panel(step)
        self._writer.flush()
        self._files.publish(self._name)

    def _write_panel(self, step: int) -> None:
        batch = next(self._inference.reconstruct(self._rows))
        low, high = self._schema.value_range or (0.0, 1.0)
        originals, reconstructions = (
            np.clip((images.astype(np.float32) - low) / (high - low), 0.0, 1.0)
            for images in (batch.rows, batch.reconstructions)
        )
        write_panel("reconstructions", originals, reconstructions, step=step)

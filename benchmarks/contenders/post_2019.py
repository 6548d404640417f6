"""The 2019 post's training loop: eager tape, loss computed twice, images to TensorBoard each step.

Rewritten from its description, with the case's network and learning rate. Two sets of images, the
originals and their reconstructions, are written per step.
"""

import tempfile

import numpy as np
import tensorflow as tf

from benchmarks.contenders.child import Case, serve

layers = tf.keras.layers


def main() -> None:
    """Trains the case of the command line, one epoch per request."""
    case = Case()
    tf.keras.utils.set_random_seed(0)
    x, held_out = (
        part.reshape(-1, 784).astype(np.float32) / 255.0 for part in (case.train, case.validation)
    )
    model = tf.keras.Sequential(
        [
            layers.Dense(case.hidden, activation="relu"),
            layers.Dense(case.latent),
            layers.Dense(case.hidden, activation="relu"),
            layers.Dense(784),
        ]
    )
    model.build((None, 784))
    optimizer = tf.keras.optimizers.Adam(case.learning_rate)

    def loss(batch):
        return tf.reduce_mean(tf.square(model(batch) - batch))

    def train_epoch(number: int) -> None:
        batches = tf.data.Dataset.from_tensor_slices(x).shuffle(len(x)).batch(case.batch_size)
        for step, batch in enumerate(batches):
            with tf.GradientTape() as tape:
                value = loss(batch)
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            tf.summary.scalar("loss", loss(batch), step=step)
            for name, images in (("original", batch), ("reconstructed", model(batch))):
                shown = tf.reshape(images, (-1, 28, 28, 1))
                tf.summary.image(name, shown, max_outputs=10, step=step)

    with tempfile.TemporaryDirectory() as folder, _written(folder):
        serve(train_epoch, lambda: float(loss(held_out)), rows=len(case.train))


def _written(folder: str):
    return tf.summary.create_file_writer(folder).as_default()


if __name__ == "__main__":
    main()

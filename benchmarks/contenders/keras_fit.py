"""Keras as its users write it: rows scaled in advance, `compile`, `fit`.

The option `steps_per_execution` sets the number of steps per call.
"""

import numpy as np
import tensorflow as tf

from benchmarks.contenders.child import Case, serve

layers = tf.keras.layers


def main() -> None:
    """Trains the case of the command line, one epoch per request."""
    case = Case()
    tf.keras.utils.set_random_seed(0)
    x, x_held_out = (
        part.reshape(-1, 28, 28, 1).astype(np.float32) / 255.0
        for part in (case.train, case.validation)
    )
    model = _convolutional(case) if case.network == "convolutional" else _dense(case)
    steps = case.options.get("steps_per_execution", 1)
    optimizer = tf.keras.optimizers.Adam(case.learning_rate)
    model.compile(optimizer, "mse", steps_per_execution=steps)
    serve(
        lambda number: model.fit(x, x, batch_size=case.batch_size, epochs=1, verbose=0),
        lambda: float(model.evaluate(x_held_out, x_held_out, batch_size=1024, verbose=0)),
        rows=len(case.train),
    )


def _dense(case: Case) -> tf.keras.Model:
    return tf.keras.Sequential(
        [
            layers.Flatten(),
            layers.Dense(case.hidden, activation="relu"),
            layers.Dense(case.latent),
            layers.Dense(case.hidden, activation="relu"),
            layers.Dense(784),
            layers.Reshape((28, 28, 1)),
        ]
    )


def _convolutional(case: Case) -> tf.keras.Model:
    def strided(kind, filters, activation=None):
        return kind(filters, 3, strides=2, padding="same", activation=activation)

    return tf.keras.Sequential(
        [
            strided(layers.Conv2D, 32, "relu"),
            strided(layers.Conv2D, 64, "relu"),
            layers.Flatten(),
            layers.Dense(case.latent),
            layers.Dense(7 * 7 * 64, use_bias=False),
            layers.Reshape((7, 7, 64)),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            strided(layers.Conv2DTranspose, 32, "relu"),
            strided(layers.Conv2DTranspose, 1),
        ]
    )


if __name__ == "__main__":
    main()

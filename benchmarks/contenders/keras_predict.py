"""Keras as its users write it: all rows as floats, `model.predict`, a pandas frame, Parquet."""

import numpy as np
import pandas as pd
import tensorflow as tf

from benchmarks.contenders.child import serve
from benchmarks.contenders.encoder import BATCH, Arguments

layers = tf.keras.layers


def main() -> None:
    """Encodes the rows of the command line on each request."""
    arguments = Arguments()
    (n, hidden), latent = arguments.weights["w1"].shape, arguments.weights["w2"].shape[1]
    model = tf.keras.Sequential(
        [tf.keras.Input((n,)), layers.Dense(hidden, activation="relu"), layers.Dense(latent)]
    )
    model.set_weights([arguments.weights[name] for name in ("w1", "b1", "w2", "b2")])

    def work(number: int) -> None:
        tables = list(arguments.tables())
        rows = np.concatenate([pixels for _, pixels in tables]).astype(np.float32) / 255.0
        frame = pd.DataFrame({"id": np.concatenate([ids for ids, _ in tables])})
        frame["latent"] = list(model.predict(rows, batch_size=BATCH, verbose=0))
        frame.to_parquet(arguments.out)

    serve(work, lambda: None, rows=arguments.rows)


if __name__ == "__main__":
    main()

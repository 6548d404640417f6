"""Batches that do not fit into memory are halved until one fits."""

import numpy as np
import pytest
import tensorflow as tf

from aeflow.configs import PlainOptions
from aeflow.errors import TransientError
from aeflow.models import Inference
from aeflow.models.kinds.plain import PlainAutoencoder
from aeflow.models.preprocessing import Preprocessing
from aeflow.schema import ExampleSchema

SCHEMA = ExampleSchema(shape=(6,), dtype="float32")
ROWS = np.random.default_rng(0).random((100, 6), np.float32)


class Cramped(PlainAutoencoder):
    """An autoencoder on a device that has memory for `room` rows at a time."""

    def __init__(self, room: int):
        layers = tf.keras.layers
        positive = tf.keras.initializers.RandomUniform(0.1, 1.0, seed=0)  # so that no sum cancels
        encoder = layers.Dense(2, name="encoder", kernel_initializer=positive)
        decoder = layers.Dense(6, name="decoder")
        super().__init__(Preprocessing(()), encoder, decoder, options=PlainOptions(), latent_dim=2)
        self.room = room
        self(ROWS[:0])

    def embed(self, x):
        """Raises what TensorFlow raises if memory runs out."""
        if x.shape[0] > self.room:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return super().embed(x)


@pytest.mark.parametrize("with_errors", [True, False])
@pytest.mark.parametrize(("room", "expected"), [(1024, 64), (64, 64), (63, 32), (20, 16), (1, 1)])
def test_batch_is_halved_until_it_fits(room, expected, with_errors, caplog):
    model = Cramped(room)
    inference = Inference.that_fits(model, SCHEMA, 64, with_errors=with_errors)
    assert inference.batch_size == expected
    assert ("A batch of 64 rows does not fit" in caplog.text) == (expected < 64)
    np.testing.assert_allclose(inference.latents(ROWS), model.encoder(ROWS), rtol=1e-5)


def test_no_room_for_one_row_is_an_error(caplog):
    with pytest.raises(TransientError, match="not enough memory left for a batch of one row"):
        Inference.that_fits(Cramped(0), SCHEMA, 8, with_errors=True)

"""TensorFlow with Keras 3 on top of it, whatever the user's Keras settings say.

`import tensorflow` imports Keras, and Keras then chooses its backend, once per process. So every
package of aeflow that imports TensorFlow imports this module first.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from aeflow.errors import ConfigError

__all__ = ["reset_keras", "tf"]

KERAS_SETTINGS = {"KERAS_BACKEND": "tensorflow", "TF_USE_LEGACY_KERAS": "0"}


@contextmanager
def _keras_settings() -> Iterator[None]:
    """Sets the variables that Keras reads at import, and restores them after the block.

    Child processes therefore do not inherit these values.
    """
    before = {name: os.environ.get(name) for name in KERAS_SETTINGS}
    os.environ.update(KERAS_SETTINGS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _check_keras() -> None:
    """Raises ConfigError if another backend or an older Keras was chosen in this process."""
    try:
        keras = f"Keras {tf.keras.__version__} on {tf.keras.backend.backend()}"
    except (ImportError, AttributeError):  # an earlier import on another backend failed halfway
        keras = "a Keras that did not start"
    if not (keras.startswith("Keras 3") and keras.endswith("on tensorflow")):
        raise ConfigError(
            f"This process has {keras}, but aeflow needs Keras 3 on tensorflow. "
            "Import aeflow before Keras and TensorFlow, or use it in a separate process."
        )


def reset_keras() -> None:
    """Resets Keras to its own defaults in the whole process.

    Otherwise the settings in a user's `keras.json` would change the results.
    """
    tf.keras.config.set_floatx("float32")
    tf.keras.config.set_epsilon(1e-7)
    tf.keras.config.set_image_data_format("channels_last")


with _keras_settings():
    try:
        import tensorflow as tf
    except AssertionError as error:  # Keras raises no other error for a wrong value
        raise ConfigError(
            "Keras refuses a value in its file keras.json. Correct or delete the file, which is in "
            "the folder KERAS_HOME if that variable is set, and in ~/.keras otherwise."
        ) from error
    _check_keras()

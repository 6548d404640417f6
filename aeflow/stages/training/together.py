"""What machines that train one model agree on between calls, and what they say to stop."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from aeflow.compute.cluster import Cluster
from aeflow.compute.tensorflow import tf
from aeflow.errors import Interrupted, LostMachine

__all__ = ["Agreement"]

LEAVING = -np.inf
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
"""What TensorFlow raises in the machines that are left when one of them dies."""


class Agreement:
    """Makes one number of the numbers that machines come with, so that all go the same way.

    How many steps fit into a second, and the last bits of a validation loss, differ from machine
    to machine. A machine that is alone agrees with itself.
    """

    def __init__(self, strategy: tf.distribute.Strategy, cluster: Cluster):
        self._is_alone = cluster.is_alone

        def of_all(number: tf.Tensor):
            return tf.distribute.get_replica_context().all_gather(number[None], axis=0)

        self._gather = tf.function(
            lambda number: strategy.experimental_local_results(strategy.run(of_all, (number,)))[0],
            (tf.TensorSpec((), tf.float64),),
            autograph=False,
        )

    def least(self, number: float) -> float:
        """Returns the least number of all. Raises Interrupted where a machine comes to leave."""
        if self._is_alone:
            return number
        numbers = self._gather(tf.constant(number, tf.float64)).numpy()
        if (numbers == LEAVING).any():
            raise Interrupted(
                "Another machine of TF_CONFIG stopped, and so does this one. "
                "Run it again on all of them to go on from there."
            )
        return float(numbers.min())

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Lets the others know where the block raises Interrupted, which is passed on."""
        try:
            yield
        except Interrupted:
            if not self._is_alone:
                with suppress(*LOST):
                    self._gather(tf.constant(LEAVING, tf.float64))
            raise

    @contextmanager
    def surviving(self) -> Iterator[None]:
        """Raises LostMachine where a step cannot be taken because another machine is gone."""
        try:
            yield
        except LOST as error:
            if self._is_alone:
                raise
            raise LostMachine(
                "A machine that shares the batches is gone. Run it again on all machines of "
                "TF_CONFIG: training goes on from the last checkpoint."
            ) from error

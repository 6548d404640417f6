"""The agreement of machines that train one model: shared decisions, and a signal to stop."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from aeflow.compute.cluster import Cluster
from aeflow.compute.tensorflow import tf
from aeflow.errors import Interrupted, LostMachine

__all__ = ["Agreement"]

LEAVING = -np.inf
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
"""The errors that TensorFlow raises in the other machines if one of them dies."""


class Agreement:
    """Reduces one number per machine to the minimum, so that all machines take the same branch.

    The number of steps that fit into a second, and the last bits of a validation loss, differ
    between machines. A machine that trains alone keeps its own number. `others` are the addresses
    of the other machines.
    """

    def __init__(self, strategy: tf.distribute.Strategy, cluster: Cluster):
        self.others = [m for i, m in enumerate(cluster.machines) if i != cluster.index]
        self._is_alone = cluster.is_alone

        def gather(number: tf.Tensor):
            return tf.distribute.get_replica_context().all_gather(number[None], axis=0)

        self._gather = tf.function(
            lambda number: strategy.experimental_local_results(strategy.run(gather, (number,)))[0],
            (tf.TensorSpec((), tf.float64),),
            autograph=False,
        )

    def minimum(self, number: float) -> float:
        """Returns the minimum of `number` over all machines.

        Raises Interrupted if another machine stops.
        """
        if self._is_alone:
            return number
        numbers = self._gather(tf.constant(number, tf.float64)).numpy()
        if (numbers == LEAVING).any():
            raise Interrupted(
                "Another machine of TF_CONFIG stopped, so this one stops, too. "
                "Run the training again on all machines to resume it."
            )
        return float(numbers.min())

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Notifies the other machines if the block raises Interrupted, and raises the error again.

        The other machines then stop, too.
        """
        try:
            yield
        except Interrupted:
            if not self._is_alone:
                with suppress(*LOST):
                    self._gather(tf.constant(LEAVING, tf.float64))
            raise

    @contextmanager
    def surviving(self) -> Iterator[None]:
        """Raises LostMachine if the block fails because another machine is gone."""
        try:
            yield
        except LOST as error:
            if self._is_alone:
                raise
            raise LostMachine(
                f"A machine that shares the batches is gone: {' or '.join(self.others)}. Run the "
                "training again on all machines of TF_CONFIG: it resumes from the last checkpoint."
            ) from error

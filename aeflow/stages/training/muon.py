"""Muon over every kernel, a convolution's too (Jordan 2024, https://kellerjordan.github.io/posts/muon/)."""

from aeflow.compute.tensorflow import tf

__all__ = ["Muon"]


class Muon(tf.keras.optimizers.Muon):
    """Orthogonalises the update of each kernel as a matrix; Adam takes vectors and scalars.

    Keras leaves to Adam what has not two dimensions. As its author does, a convolution's
    kernel [h, w, in, out] is taken as [h * w * in, out] here; of a transposed one, [h, w, out, in]
    as [h * w * out, in]: both are maps between a patch and the channels of one place.
    """

    def _should_use_adamw(self, variable: tf.Variable) -> bool:
        return len(variable.shape) < 2

    def zeropower_via_newtonschulz5(self, x: tf.Tensor, steps: int):
        """Returns a tensor like x whose matrix has singular values near 1."""
        matrix = tf.reshape(x, [-1, x.shape[-1]])
        return tf.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: tf.Tensor):
        """Scales an update to Adam's size (Liu et al. 2025, https://arxiv.org/abs/2502.16982)."""
        columns = x.shape[-1]
        rows = x.shape.num_elements() // columns
        return x * (self.rms_rate * max(rows, columns) ** 0.5)

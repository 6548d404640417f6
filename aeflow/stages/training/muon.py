"""Muon for every kernel, including those of convolutions (Jordan 2024, https://kellerjordan.github.io/posts/muon/)."""

from aeflow.compute.tensorflow import tf

__all__ = ["Muon"]


class Muon(tf.keras.optimizers.Muon):
    """Orthogonalises the update of each kernel as a matrix; Adam updates vectors and scalars.

    Keras uses Adam for every variable that does not have two dimensions. Here the kernel of a
    convolution, [h, w, in, out], is treated as a matrix [h * w * in, out], as the author of Muon
    does. The kernel of a transposed convolution, [h, w, out, in], is treated as [h * w * out, in].
    Both are maps between a patch and the channels of one pixel.
    """

    def _should_use_adamw(self, variable: tf.Variable) -> bool:
        return len(variable.shape) < 2

    def zeropower_via_newtonschulz5(self, x: tf.Tensor, steps: int):
        """Returns a tensor like x that, as a matrix, has singular values near 1."""
        matrix = tf.reshape(x, [-1, x.shape[-1]])
        return tf.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: tf.Tensor):
        """Scales an update to Adam's size (Liu et al. 2025, https://arxiv.org/abs/2502.16982)."""
        columns = x.shape[-1]
        rows = x.shape.num_elements() // columns
        return x * (self.rms_rate * max(rows, columns) ** 0.5)

"""Muon for every kernel, including convolutions (Jordan 2024, https://kellerjordan.github.io/posts/muon/)."""

from aeflow.compute.tensorflow import tf

__all__ = ["Muon"]


class Muon(tf.keras.optimizers.Muon):
    """Treats the update of each kernel as a matrix and orthogonalises this matrix.

    Vectors and scalars are updated by Adam.

    Keras uses Adam for every variable that does not have two dimensions. Here the kernel of a
    convolution, [h, w, in, out], is treated as a matrix [h * w * in, out], as the author of Muon
    does. The kernel of a transposed convolution, [h, w, out, in], is treated as [h * w * out, in].
    Both are maps between a patch and the channels of one pixel.
    """

    def _should_use_adamw(self, variable: tf.Variable) -> bool:
        return len(variable.shape) < 2

    def zeropower_via_newtonschulz5(self, x: tf.Tensor, steps: int):
        """Returns the update x, orthogonalised: as a matrix, it has singular values near 1."""
        matrix = tf.reshape(x, [-1, x.shape[-1]])
        return tf.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: tf.Tensor):
        """Scales an update to the size of Adam's updates (Liu et al. 2025).

        Source: https://arxiv.org/abs/2502.16982.
        """
        columns = x.shape[-1]
        rows = x.shape.num_elements() // columns
        return x * (self.rms_rate * max(rows, columns) ** 0.5)

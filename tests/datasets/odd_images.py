"""A TFDS dataset without a download: images of two shapes, and two that cannot be decoded."""

import io

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

__all__ = ["OddImages"]


def png(height: int, width: int, mode: str = "RGB") -> bytes:
    """Returns a black image as PNG."""
    packed = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), dtype=np.uint8)).convert(mode).save(packed, "PNG")
    return packed.getvalue()


class OddImages(tfds.core.GeneratorBasedBuilder):
    """Holds 100 rows, most of them good colour images.

    Row 3 is not an image, row 5 is cut short, and row 7 has another shape. The file of row 9 is
    grey although the dataset declares colour, as in many real datasets.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {"image": tfds.features.Image(shape=(None, None, 3)), "weight": np.float32}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        odd = {3: b"no image", 5: png(6, 4)[:45], 7: png(4, 6), 9: png(6, 4, "L")}
        for row in range(100):
            yield row, {"image": io.BytesIO(odd.get(row, png(6, 4))), "weight": 1.0}

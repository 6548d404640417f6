"""A dataset for TFDS of which nothing is downloaded: images of two shapes, and one that is none."""

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
    """Holds 100 good colour images; row 3 is no image, row 5 cut short, row 7 of another shape.

    Row 9 is grey in its file and colour by the dataset's word, as in many a real dataset.
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

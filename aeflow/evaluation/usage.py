"""How a model uses its latent, as its kind measures it, over judged rows."""

from collections.abc import Callable, Iterator

import numpy as np

from aeflow.artifacts import Dataset
from aeflow.evaluation.sampling import read_places, sampled_places
from aeflow.models import Autoencoder
from aeflow.storage import Store
from aeflow.tensorflow import tf

__all__ = ["usage_scores"]

JUDGED_ROWS, BATCH = 10_000, 1024


def usage_scores(
    network: Autoencoder,
    dataset: Dataset,
    store: Store,
    *,
    split: str,
    on_rows: Callable[[], None],
) -> dict[str, np.ndarray]:
    """Returns the kind's own metrics of its latent, numbers [] over at most 10,000 judged rows."""

    def batches() -> Iterator[tf.Tensor]:
        places = sampled_places(dataset.rows[split], JUDGED_ROWS)
        for sample in read_places(dataset, split, store, places=places):
            for start in range(0, len(sample.rows), BATCH):
                on_rows()
                yield network.preprocessing(sample.rows[start : start + BATCH])

    return {name: np.array(value) for name, value in network.usage(batches()).items()}

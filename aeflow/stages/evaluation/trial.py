"""A trial: a restored model, the split that it is judged on, and the baselines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from aeflow.artifacts import Dataset, Model
from aeflow.models import Autoencoder, Inference, load_model
from aeflow.progress import Progress
from aeflow.stages import Work
from aeflow.stages.evaluation.sampling import Sample, read_places, sampled_places
from aeflow.stages.evaluation.scores import Space
from aeflow.stages.evaluation.scoring import Judge

__all__ = ["Trial"]


@dataclass(frozen=True)
class Trial:
    """Holds a model, its network, and the split of a dataset that the model is judged on.

    `errors` maps the name of a score, such as `mse`, to its values [N] for all judged rows.
    `spaces` maps "" to the latents of the model and "_pca" to those of PCA. `errors` and `spaces`
    are empty until they are computed.
    """

    work: Work
    model: Model
    dataset: Dataset
    ood: Dataset | None
    split: str
    network: Autoencoder
    inference: Inference
    judge: Judge
    errors: Mapping[str, np.ndarray] = field(default_factory=dict)
    spaces: Mapping[str, Space] = field(default_factory=dict)

    @classmethod
    def of(
        cls, work: Work, model: Model, *, dataset: Dataset, ood: Dataset | None, split: str
    ) -> "Trial":
        """Restores a model and fits the baselines that it is compared with."""
        network = load_model(model, work.store, cpu=work.machine.cpu)
        return cls(
            work=work,
            model=model,
            dataset=dataset,
            ood=ood,
            split=split,
            network=network,
            inference=Inference(network, dataset.example_schema, work.runtime.encode_batch_size),
            judge=Judge(dataset, work.store, latent_dim=model.latent_dim),
        )

    def on_step(self, message: str) -> None:
        """Reports the current step of the work that follows after all rows were scored."""
        total = self.dataset.rows[self.split]
        self.work.on_progress(Progress("evaluate", total, total, "row", message))

    def samples(self, split: str, max_rows: int) -> Iterator[Sample]:
        """Yields all rows of a split, or a sample of `max_rows` rows if the split has more.

        The sample is drawn with a fixed seed.
        """
        places = sampled_places(self.dataset.rows[split], max_rows)
        yield from read_places(self.dataset, split, self.work.store, places=places)

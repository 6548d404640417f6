"""The results that a publication shows, read from the artifacts of one run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeflow.artifacts import Dataset, Evaluation, FeatureSet, Model
from aeflow.configs import PipelineConfig
from aeflow.configs.config import Config
from aeflow.lineage import Manifest
from aeflow.storage import Store

__all__ = ["Results", "read_results"]

HISTORY, METRICS, EXAMPLES, FIGURES = (
    "history.parquet",
    "metrics.json",
    "examples.parquet",
    "figures/",
)


@dataclass(frozen=True)
class Results:
    """Holds one run's artifacts and their contents.

    `judgement` is the evaluation's `metrics.json`. `figures` maps a picture's name to its PNG.
    `settings` maps `section.field` to the value of each setting of the run, including defaults.
    """

    dataset: Dataset
    model: Model
    evaluation: Evaluation
    features: FeatureSet | None
    history: pa.Table
    examples: pa.Table
    judgement: dict[str, Any]
    figures: dict[str, Path]
    manifests: tuple[Manifest, ...]
    settings: dict[str, Any]

    @property
    def last_step(self) -> int:
        """The last step of training, after which the run was evaluated."""
        return self.history["step"][-1].as_py()

    @property
    def latents(self) -> np.ndarray:
        """The latents [N, latent_dim] of the evaluated examples."""
        values = pa.concat_arrays(self.examples["latent"].chunks).flatten()
        return values.to_numpy().reshape(self.examples.num_rows, -1)

    def label_name(self, label: Any) -> str:
        """Returns the name of a label, the label itself if it has no name, or "" for None."""
        names = self.dataset.label_names
        is_index = isinstance(label, int) and 0 <= label < len(names)
        return names[label] if is_index else "" if label is None else str(label)


def read_results(
    dataset: Dataset,
    model: Model,
    evaluation: Evaluation,
    *,
    features: FeatureSet | None,
    store: Store,
) -> Results:
    """Reads the results of a run. Each file is compared with its SHA-256 before it is read."""
    artifacts = [dataset, model, evaluation] + ([features] if features else [])
    manifests = tuple(store.manifest(artifact.address) for artifact in artifacts)
    names = [entry.name for entry in manifests[2].files]
    pictures = [name for name in names if name.startswith(FIGURES)]
    evaluation_folder = store.reading(evaluation, [METRICS, EXAMPLES, *pictures])
    return Results(
        dataset=dataset,
        model=model,
        evaluation=evaluation,
        features=features,
        history=pq.read_table(store.reading(model, [HISTORY]) / HISTORY),
        examples=pq.read_table(evaluation_folder / EXAMPLES),
        judgement=json.loads((evaluation_folder / METRICS).read_bytes()),
        figures={Path(name).stem: evaluation_folder / name for name in pictures},
        manifests=manifests,
        settings=dict(_settings(manifests)),
    )


def _settings(manifests: tuple[Manifest, ...]) -> Iterator[tuple[str, Any]]:
    """Yields `section.field` and the value of each setting, including those left at the default."""
    for manifest in manifests:
        for section, hashed in manifest.question.configs.items():
            config_type = type(getattr(PipelineConfig(), section))
            yield from _fields(config_type.model_validate(hashed), section)


def _fields(config: Config, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, field in type(config).model_fields.items():
        value, address = getattr(config, name), f"{prefix}.{name}"
        extra = field.json_schema_extra
        if isinstance(value, Config):
            yield from _fields(value, address)
        elif not (isinstance(extra, dict) and extra.get("hashed") is False):
            # Fields that are not hashed, such as the source of the data, are not in a question.
            yield address, value

"""Publications of real runs: labelled images, and vectors without labels."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from aeflow.artifacts import Publication
from aeflow.configs import (
    EncodeConfig,
    EvaluateConfig,
    IngestConfig,
    ModelConfig,
    PublishConfig,
    TrainConfig,
)
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.stages.evaluation import evaluate
from aeflow.stages.ingestion import ingest
from aeflow.stages.publishing import publish
from aeflow.stages.publishing.results import Results, read_results
from aeflow.stages.training import train
from aeflow.storage import Store
from tests.conftest import Stages


@dataclass(frozen=True)
class Published:
    """Holds a run and its publication, with the publication's folder."""

    stages: Stages
    publication: Publication

    @property
    def folder(self) -> Path:
        return self.stages.store.locate(self.publication)

    @property
    def report(self) -> str:
        return (self.folder / "report.html").read_text("utf-8")

    @property
    def results(self) -> Results:
        s = self.stages
        return read_results(s.dataset, s.model, s.evaluation, features=s.features, store=s.store)


def publish_run(stages: Stages, config: PublishConfig | None = None) -> Published:
    publication = publish(
        Context(stages.store),
        stages.evaluation,
        config or PublishConfig(),
        dataset=stages.dataset,
        model=stages.model,
        features=stages.features,
    )
    return Published(stages, publication)


@pytest.fixture(scope="session")
def copied(stages: Stages, tmp_path_factory) -> Callable[[], Stages]:
    """Copies the run of the digits into a store of its own, at another path."""

    def copy() -> Stages:
        root = tmp_path_factory.mktemp("copied") / "store"
        shutil.copytree(stages.store.root, root)
        return Stages(Store(root), stages.dataset, stages.model, stages.evaluation, stages.features)

    return copy


@pytest.fixture(scope="session")
def images(copied: Callable[[], Stages]) -> Published:
    return publish_run(copied())


@pytest.fixture(scope="session")
def vectors(tmp_path_factory) -> Published:
    folder = tmp_path_factory.mktemp("vectors")
    rows = load_digits().data.astype(np.float32)
    np.savez(folder / "rows.npz", x_train=rows[:400], x_test=rows[400:500])
    store = Store(folder / "store")
    dataset = ingest(Context(store), IngestConfig(source=f"npz:{folder / 'rows.npz'}"))
    config, model_config = TrainConfig(epochs=2), ModelConfig(latent_dim=4)
    model = train(Context(store), dataset, config, model_config=model_config)
    evaluation = evaluate(Context(store), model, EvaluateConfig(num_worst=3), dataset=dataset)
    features = encode(Context(store), model, EncodeConfig(layout="wide"), dataset=dataset)
    return publish_run(Stages(store, dataset, model, evaluation, features))

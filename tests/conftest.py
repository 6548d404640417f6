"""Fixtures that many tests share: a store with the real digits, and a model of them.

The flows, and with them Prefect, are imported first. Prefect closes all logging handlers that
exist. One of them would be absl's, which comes with TensorFlow and would close the stream in which
pytest captures errors.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aeflow.artifacts import Dataset, Evaluation, FeatureSet, Model
from aeflow.configs import EncodeConfig, EvaluateConfig, IngestConfig, ModelConfig, TrainConfig
from aeflow.stages import Context
from aeflow.storage import Store
from flows import pipeline  # noqa: F401


@dataclass(frozen=True)
class Stages:
    """Holds a store and the answers that the stages committed to it."""

    store: Store
    dataset: Dataset
    model: Model
    evaluation: Evaluation
    features: FeatureSet


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> tuple[Store, Dataset]:
    """The digits in many small shards; tests that write to the store use a copy of their own."""
    from aeflow.stages.ingestion import ingest

    store = Store(tmp_path_factory.mktemp("digits"))
    return store, ingest(Context(store), IngestConfig(shard_bytes=8192))


@pytest.fixture(scope="session")
def stages(digits) -> Stages:
    """All stages on the digits: 8 latent dimensions for 64 pixels, 20 epochs."""
    from aeflow.stages.encoding import encode
    from aeflow.stages.evaluation import evaluate
    from aeflow.stages.training import train

    store, dataset = digits
    config, model_config = TrainConfig(epochs=20), ModelConfig(latent_dim=8)
    model = train(Context(store), dataset, config, model_config=model_config)
    evaluation = evaluate(Context(store), model, EvaluateConfig(), dataset=dataset)
    features = encode(Context(store), model, EncodeConfig(), dataset=dataset)
    return Stages(store, dataset, model, evaluation, features)


@pytest.fixture
def changed(stages: Stages, tmp_path: Path) -> Stages:
    """All stages on the digits, in a store that the test may change."""
    return replace(stages, store=Store(shutil.copytree(stages.store.root, tmp_path / "store")))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the session if a test was skipped, because the skipped part is not tested."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

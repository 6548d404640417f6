"""Features computed in bfloat16 are nearly the same, or refused before the first row."""

import numpy as np
import pytest

from aeflow.artifacts import FeatureSet, Model
from aeflow.configs import EncodeConfig, ModelConfig, RuntimeConfig, TrainConfig, VqOptions
from aeflow.errors import InexactPrecision, Interrupted
from aeflow.features.contract import read_features
from aeflow.models.networks import NETWORKS
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.stages.training import train
from tests import garbage

ROUGH = EncodeConfig(precision="bfloat16")


def roughly_encoded(model, changed, config=ROUGH, **runtime) -> FeatureSet | None:
    """Returns features in bfloat16, or None if TensorFlow cannot compute them here at all."""
    try:
        return encode(
            Context(changed.store, runtime=RuntimeConfig.model_validate(runtime)),
            model,
            config,
            dataset=changed.dataset,
        )
    except InexactPrecision as error:
        if "crashes" not in str(error):
            raise
        return None


def test_in_bfloat16_latents_are_nearly_the_same_and_the_manifest_says_how_nearly(stages, changed):
    features = roughly_encoded(changed.model, changed)
    if features is None:
        return
    error = changed.store.manifest(features.address).runtime["latent_error"]
    assert 0 < error < 0.02
    near = read_features(changed.store.locate(features)).sort_by("id").to_pandas()
    exact = read_features(stages.store.locate(stages.features)).sort_by("id").to_pandas()
    latents, expected = np.stack(near["latent"]), np.stack(exact["latent"])
    assert latents.dtype == np.float32
    assert 0 < np.abs(latents - expected).max() < 3 * error * np.abs(expected).max()
    errors = near["reconstruction_error"].to_numpy()
    assert errors == pytest.approx(exact["reconstruction_error"].to_numpy(), rel=0.1)
    assert near["id"].equals(exact["id"])


def test_codes_in_bfloat16_are_nearly_all_the_same(changed):
    model = train(
        Context(changed.store),
        changed.dataset,
        TrainConfig(epochs=10),
        model_config=ModelConfig(kind=VqOptions(), latent_dim=8),
    )
    features = roughly_encoded(model, changed)
    if features:
        assert changed.store.manifest(features.address).runtime["latent_error"] <= 0.05


@pytest.fixture
def faulty(changed, monkeypatch) -> Model:
    """A model with a layer that a test can make return garbage in bfloat16."""
    monkeypatch.setitem(NETWORKS, "dense", "tests.garbage")
    monkeypatch.setattr(garbage, "FAULT", "none")
    config, model_config = TrainConfig(epochs=1), ModelConfig(latent_dim=8)
    return train(Context(changed.store), changed.dataset, config, model_config=model_config)


def test_garbage_is_refused_at_the_batch_size_that_encodes(faulty, changed, monkeypatch):
    """There are 16 golden rows; the fault shows only in batches of 16 rows or more."""
    monkeypatch.setattr(garbage, "FAULT", "many rows")
    before = [*(changed.store.root / "features").iterdir()]
    with pytest.raises(InexactPrecision) as raised:
        encode(Context(changed.store), faulty, ROUGH, dataset=changed.dataset)
    assert 'Choose precision = "float32" in [encode].' in str(raised.value)
    assert [*(changed.store.root / "features").iterdir()] == before
    features = roughly_encoded(faulty, changed, encode_batch_size=8)
    if features:
        assert "in batches of 1024 rows, the deviation of the latents " in str(raised.value)
        assert changed.store.manifest(features.address).runtime["latent_error"] < 0.02


def test_finished_shards_stay_for_a_processor_that_is_right(faulty, changed, monkeypatch, caplog):
    def stop(progress) -> None:
        if progress.done > 1000:
            raise Interrupted("enough")

    with pytest.raises((Interrupted, InexactPrecision)):
        encode(Context(changed.store, on_progress=stop), faulty, ROUGH, dataset=changed.dataset)
    drafts = [*(changed.store.root / "features").glob("*.partial")]
    monkeypatch.setattr(garbage, "FAULT", "values")
    with pytest.raises(InexactPrecision):
        encode(Context(changed.store), faulty, ROUGH, dataset=changed.dataset)
    assert [*(changed.store.root / "features").glob("*.partial")] == drafts
    monkeypatch.setattr(garbage, "FAULT", "none")
    caplog.set_level("INFO")
    if roughly_encoded(faulty, changed):
        assert len(drafts) == 1
        assert "encode: resumes after" in caplog.text

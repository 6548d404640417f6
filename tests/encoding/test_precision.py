"""Features of layers that multiply in bfloat16."""

import numpy as np
import pytest

from aeflow.configs import EncodeConfig
from aeflow.encoding import encode
from aeflow.features import read_features


def test_in_bfloat16_latents_are_nearly_the_same_and_the_manifest_says_how_nearly(stages, changed):
    config = EncodeConfig(precision="bfloat16")
    features = encode(changed.model, config, changed.store, dataset=changed.dataset)
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

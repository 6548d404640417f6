"""How much noise a denoising model removes, and how much a linear map does."""

import json

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from aeflow.configs import EvaluateConfig, ModelConfig, TrainConfig
from aeflow.configs.kinds import DenoisingOptions
from aeflow.stages import Context
from aeflow.stages.evaluation import evaluate
from aeflow.stages.evaluation.denoising import RIDGE, fit_linear_map
from aeflow.stages.training import train

STDDEV = 0.5


@pytest.fixture(scope="module")
def scores(digits):
    """A denoising model of the digits, and its evaluation with the tables."""
    store, dataset = digits
    kind = DenoisingOptions(noise_stddev=STDDEV)
    config = ModelConfig(latent_dim=8, kind=kind)
    model = train(Context(store), dataset, TrainConfig(epochs=40), model_config=config)
    evaluation = evaluate(Context(store), model, EvaluateConfig(), dataset=dataset)
    table = json.loads((store.locate(evaluation) / "metrics.json").read_text())
    return evaluation.metrics, {row["name"]: row for row in table["card"]}


def test_gain_is_that_of_the_error_compared_with_the_noise(scores):
    metrics, _ = scores
    for way in ("", "_pca", "_ridge"):
        noise = metrics[f"denoised_mse{way}"] * 10 ** (metrics[f"denoising_gain{way}"] / 10)
        assert noise == pytest.approx(STDDEV**2, rel=0.03)


def test_a_model_removes_more_noise_than_pca(scores):
    metrics, _ = scores
    assert metrics["denoising_gain"] > metrics["denoising_gain_pca"] > 0
    assert metrics["denoised_mse"] > metrics["mse"]


def test_the_card_compares_it_with_pca_and_a_linear_map(scores):
    metrics, card = scores
    assert card["denoised_mse"]["interval"]
    assert card["denoised_mse"]["tone"] == "good"
    sentence = (
        "Removes {:.1f} dB of the noise that it was trained on; PCA-8 removes {:.1f} dB, "
        "a linear map {:.1f} dB."
    )
    gains = (metrics[f"denoising_gain{way}"] for way in ("", "_pca", "_ridge"))
    assert card["denoising_gain"]["judgement"] == sentence.format(*gains)


def test_other_kinds_have_no_such_rows(stages):
    assert [name for name in stages.evaluation.metrics if "denois" in name] == []


def test_linear_map_is_ridge_regression():
    generator = np.random.default_rng(0)
    clean = generator.normal(size=(90, 2, 3)).astype(np.float32)
    noisy = clean + generator.normal(1, 0.5, size=clean.shape).astype(np.float32)
    pairs = ((noisy[i : i + 40], clean[i : i + 40]) for i in range(0, 90, 40))
    denoised = fit_linear_map(pairs)(noisy)
    x, y = noisy.reshape(90, 6), clean.reshape(90, 6)
    expected = Ridge(alpha=90 * RIDGE * x.var(axis=0).mean()).fit(x, y).predict(x)
    assert denoised.shape == clean.shape
    assert np.allclose(denoised.reshape(90, 6), expected, atol=1e-5)

"""How a latent is used, for the kinds that measure it."""

import json

import numpy as np
import pytest
from PIL import Image

from aeflow.configs import EvaluateConfig, ModelConfig, TrainConfig
from aeflow.configs.kinds import VariationalOptions, VqOptions
from aeflow.datasets.shards import open_split
from aeflow.models import load_model
from aeflow.stages import Context
from aeflow.stages.evaluation import evaluate
from aeflow.stages.training import train


def judge_kind(digits, kind):
    """Returns a model, test rows, metrics, the card's rows by name, and the evaluation's folder."""
    store, dataset = digits
    config = ModelConfig(latent_dim=8, kind=kind)
    model = train(Context(store), dataset, TrainConfig(epochs=5), model_config=config)
    evaluation = evaluate(Context(store), model, EvaluateConfig(), dataset=dataset)
    folder = store.locate(evaluation)
    table = json.loads((folder / "metrics.json").read_text())
    network = load_model(model, store, cpu="any")
    rows = np.concatenate([shard.features for shard in open_split(dataset, "test", store)])
    return network, rows, evaluation.metrics, {row["name"]: row for row in table["card"]}, folder


def test_divergence_is_that_of_the_posterior_of_the_judged_rows(digits):
    network, rows, metrics, card, folder = judge_kind(digits, VariationalOptions())
    mean, log_variance = network.posterior(network.preprocessing(rows), training=False)
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).numpy().mean(axis=0)
    expected = {"kl": kl.sum(), "kl_least": kl.min(), "kl_most": kl.max()}
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert card["kl"]["judgement"].startswith("Nats per row; a dimension has between ")
    assert card["kl"]["pca"] is None
    for name, lines in {"samples": 3, "interpolations": 4}.items():
        with Image.open(folder / "figures" / f"{name}.png") as picture:
            assert picture.size == (10 * 84, lines * 84)


def test_codebook_use_counts_the_entries_that_rows_have_chosen(digits):
    network, rows, metrics, card, folder = judge_kind(digits, VqOptions(num_codes=16))
    parts = network.encode(rows).numpy().reshape(len(rows), network.codebooks.num_parts, -1)
    used = [len(np.unique(parts[:, part], axis=0)) for part in range(parts.shape[1])]
    assert metrics["codebook_use"] == pytest.approx(np.mean(used) / 16)
    assert 1 < metrics["codebook_perplexity"] <= np.mean(used)
    assert card["codebook_use"]["shown"]["value"] == f"{metrics['codebook_use']:.0%}"
    assert not (folder / "figures" / "samples.png").exists()


def test_other_kinds_have_no_such_rows(stages):
    assert {"kl", "codebook_use"} & set(stages.evaluation.metrics) == set()

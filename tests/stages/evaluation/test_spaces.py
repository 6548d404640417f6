"""Which rows of a dataset are scored, at most how many, and with which labels."""

import numpy as np
import pytest

from aeflow.configs import EvaluateConfig
from aeflow.stages import Context
from aeflow.stages.evaluation import evaluate
from aeflow.stages.evaluation.sampling import read_places, sampled_places


def test_all_rows_are_taken_or_as_many_as_asked_in_order_and_the_same_each_time():
    assert sampled_places(5, 9).tolist() == [0, 1, 2, 3, 4]
    places = sampled_places(10_000, 100)
    assert len(set(places.tolist())) == 100
    assert (np.diff(places) > 0).all()
    assert (places == sampled_places(10_000, 100)).all()


def test_places_are_rows_of_the_split_in_its_order(stages):
    def ids_at(places: list[int]) -> list[str]:
        samples = read_places(stages.dataset, "train", stages.store, places=np.array(places))
        return [name for sample in samples for name in sample.ids.to_pylist()]

    everything = ids_at(list(range(stages.dataset.rows["train"])))
    assert len(set(everything)) == stages.dataset.rows["train"]
    assert ids_at([3, 400, 401, 1500]) == [everything[i] for i in (3, 400, 401, 1500)]


def test_latents_are_scored_and_so_are_those_of_pca(stages):
    metrics = stages.evaluation.metrics
    assert metrics["probe_accuracy"] > 0.8
    assert metrics["probe_accuracy_pca"] == pytest.approx(0.917, abs=0.01)
    assert metrics["knn_accuracy_pca"] == pytest.approx(0.967, abs=0.01)
    assert 0 < metrics["neighbour_recall"] < 1
    assert metrics["dead_dimensions"] == metrics["dead_dimensions_pca"] == 0
    assert 1 < metrics["effective_rank"] <= 8


def test_rows_that_a_reader_was_fitted_on_are_not_classified_by_it(stages):
    config = EvaluateConfig(split="train")
    evaluation = evaluate(Context(stages.store), stages.model, config, dataset=stages.dataset)
    assert "neighbour_recall" in evaluation.metrics
    assert "knn_accuracy" not in evaluation.metrics

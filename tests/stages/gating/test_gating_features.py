"""The gate's rules for features: how they classify, and how the latent uses its dimensions."""

import math

import pytest

from aeflow.configs import GateConfig
from tests.judged import GOOD, another, evaluation, judge, rules_of


def ruled(stages, config: GateConfig, **metrics: float) -> tuple[bool, str]:
    """Judges a challenger with these metrics by one rule; returns whether it passed, and why."""
    challenger = evaluation(stages.store, stages.model, stages.dataset, metrics={**GOOD, **metrics})
    [row] = rules_of(judge(stages, challenger, config), stages.store)
    return row["passed"], row["why"]


@pytest.mark.parametrize(
    ("reader", "classifier"),
    [("probe", "A linear probe"), ("knn", "A vote of the 10 nearest training rows")],
)
@pytest.mark.parametrize(
    ("accuracy", "lost", "passed", "relation"),
    [
        (0.90, 0, True, "is not below the 90.0% of PCA-8."),
        (0.89, 0, False, "is below the 90.0% of PCA-8."),
        (0.89, 1, True, "is not below the 90.0% of PCA-8 less 1 point."),
        (0.88, 1, False, "is below the 90.0% of PCA-8 less 1 point."),
        (math.nan, 1, False, "is below the 90.0% of PCA-8 less 1 point."),
    ],
)
def test_features_are_held_against_pca(
    changed, reader, classifier, accuracy, lost, passed, relation
):
    config = GateConfig(rules=(f"{reader}_beats_pca",), max_points_lost=lost)
    metrics = {f"{reader}_accuracy": accuracy, f"{reader}_accuracy_pca": 0.9}
    why = f"{classifier} on the features classifies {accuracy:.1%} correctly, which {relation}"
    assert ruled(changed, config, **metrics) == (passed, why)


@pytest.mark.parametrize("reader", ["probe", "knn"])
@pytest.mark.parametrize(("accuracy", "passed"), [(0.8, True), (0.79, False)])
def test_features_are_held_against_the_champion(changed, reader, accuracy, passed):
    store, dataset, metric = changed.store, changed.dataset, f"{reader}_accuracy"
    champion = another(store, changed.model, "champion")
    verdict = judge(
        changed,
        evaluation(store, changed.model, dataset, metrics={**GOOD, metric: accuracy}),
        GateConfig(rules=(f"{reader}_beats_champion",)),
        champion=evaluation(store, champion, dataset, metrics={**GOOD, metric: 0.8}),
        champion_model=champion,
    )
    [row] = rules_of(verdict, store)
    assert (row["passed"], row["baseline"]) == (passed, 0.8)
    assert row["why"].endswith(f"the 80.0% of the champion {champion.key}.")


@pytest.mark.parametrize("rule", ["probe_beats_pca", "knn_beats_pca"])
def test_features_of_rows_without_labels_are_not_refused(changed, rule):
    passed, why = ruled(changed, GateConfig(rules=(rule,)))
    assert (passed, why) == (True, "Classifying was not scored: the rows have no labels.")


@pytest.mark.parametrize("rule", ["probe_beats_champion", "knn_beats_champion"])
def test_features_without_a_champion_are_not_refused(changed, rule):
    passed, why = ruled(changed, GateConfig(rules=(rule,)), probe_accuracy=0.1, knn_accuracy=0.1)
    assert (passed, why) == (True, "There is no champion to compare with.")


@pytest.mark.parametrize(
    ("count", "share", "passed", "why"),
    [
        (4, 0.5, True, "4 of 8 dimensions of the latent carry nothing, which is allowed."),
        (
            5,
            0.5,
            False,
            "5 of 8 dimensions of the latent carry nothing, more than the 4 allowed: the latent "
            "has collapsed. Train with other options, or with a smaller latent.",
        ),
        (5, 0.75, True, "5 of 8 dimensions of the latent carry nothing, which is allowed."),
        (
            math.nan,
            0.5,
            False,
            "The latents are not finite, so that none of their dimensions carries anything: the "
            "latent has collapsed. Train with other options, or with a smaller latent.",
        ),
    ],
)
def test_collapsed_latent_is_refused(changed, count, share, passed, why):
    config = GateConfig(rules=("dead_dimensions",), max_dead_share=share)
    assert ruled(changed, config, dead_dimensions=count) == (passed, why)


@pytest.mark.parametrize(
    ("rank", "share", "passed", "relation"),
    [(2.0, 0.25, True, "not fewer than the 2"), (1.9, 0.25, False, "fewer than the 2")],
)
def test_latents_in_few_directions_are_refused(changed, rank, share, passed, relation):
    config = GateConfig(rules=("effective_rank",), min_rank_share=share)
    why = f"The latents spread over {rank:.3g} of 8 directions, {relation} asked for."
    assert ruled(changed, config, effective_rank=rank) == (passed, why)


@pytest.mark.parametrize("rule", ["dead_dimensions", "effective_rank"])
def test_what_an_older_evaluation_did_not_measure_is_not_refused(changed, rule):
    assert ruled(changed, GateConfig(rules=(rule,)))[0]


def test_rules_read_the_metrics_that_an_evaluation_has(stages):
    names = set(stages.evaluation.metrics)
    assert {"dead_dimensions", "effective_rank"} < names
    assert {f"{r}_accuracy{of}" for r in ("probe", "knn") for of in ("", "_pca")} < names

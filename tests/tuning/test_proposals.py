"""Proposals of a study: they are in bounds and repeatable, and a trial that lags is detected."""

from typing import get_args

import pytest

from aeflow.configs import (
    DeepOptions,
    DenseOptions,
    ModelConfig,
    PipelineConfig,
    TrainConfig,
    TuneConfig,
)
from aeflow.configs.bounds import Choice
from aeflow.configs.model import KindOptions, NetworkOptions
from aeflow.tuning.proposing import lags_behind, proposal
from aeflow.tuning.spaces import space_of, values_of, with_values
from aeflow.tuning.trials import Trial

NETWORKS, KINDS = (get_args(get_args(options)[0]) for options in (NetworkOptions, KindOptions))
CONFIG = PipelineConfig()


def complete_trial(number: int, *losses: float, config=CONFIG, **values) -> Trial:
    space = space_of(config)
    proposed_values = proposal(space, [], number=number, seed=5)
    return Trial(
        number=number,
        state="complete",
        values=proposed_values | values,
        losses=dict(enumerate(losses, start=1)),
        loss=losses[-1],
    )


SIX = [complete_trial(n, 0.3, 0.2, 0.1 + n / 100) for n in range(6)]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("kind", KINDS)
def test_proposals_are_configs_that_differ_from_the_given_one(network, kind):
    config = PipelineConfig(model=ModelConfig(network=network(), kind=kind()))
    space = space_of(config)
    assert with_values(config, values_of(config, space)) == config
    proposed_config = with_values(config, proposal(space, [], number=1, seed=0))
    assert proposed_config != config
    assert proposed_config.model.kind.name == config.model.kind.name
    assert proposed_config.model.latent_dim == config.model.latent_dim


def test_a_config_outside_the_bounds_widens_them():
    config = PipelineConfig(
        model=ModelConfig(network=DenseOptions(hidden_units=7)),
        train=TrainConfig(batch_size=100, learning_rate=1e-5),
    )
    space = space_of(config)
    assert (space["model.network.hidden_units"].low, space["train.learning_rate"].low) == (7, 1e-5)
    assert 100 in space["train.batch_size"].options


def test_the_weight_of_a_penalty_is_not_searched_for():
    """With less of it every loss is smaller, so a search would reduce it to nothing."""
    for kind in KINDS:
        space = space_of(PipelineConfig(model=ModelConfig(kind=kind())))
        names = {place.rpartition(".")[2] for place in space}
        assert not names & {"weight", "beta", "noise_stddev", "decoder_weight", "free_bits"}


def test_latent_dims_are_searched_for_if_configured():
    config = PipelineConfig(tune=TuneConfig(latent_dims=(4, 8)))
    assert space_of(config)["model.latent_dim"] == Choice((4, 8, 32))


def test_same_trials_and_seed_make_the_same_proposal():
    space = space_of(CONFIG)
    first = proposal(space, SIX, number=6, seed=0)
    assert proposal(space, SIX, number=6, seed=0) == first
    assert proposal(space, SIX, number=6, seed=1) != first
    assert proposal(space, SIX[:5], number=6, seed=0) != first


def test_layers_are_proposed_whole():
    config = PipelineConfig(model=ModelConfig(network=DeepOptions()))
    six = [complete_trial(n, 0.1, config=config) for n in range(6)]
    layers = proposal(space_of(config), six, number=6, seed=0)["model.network.hidden_layers"]
    assert isinstance(layers, tuple)


@pytest.mark.parametrize(
    ("losses", "finished", "lags"),
    [
        ((0.3, 0.21), SIX, True),
        ((0.3, 0.19), SIX, False),
        ((0.1, 0.21), SIX, False),
        ((0.9,), SIX, False),
        ((0.3, 0.21), SIX[:3], False),
    ],
    ids=["worse", "better", "was better", "in its first epoch", "among few"],
)
def test_what_is_above_the_median_lags(losses, finished, lags):
    trial = complete_trial(6, *losses).model_copy(update={"state": "running", "loss": None})
    assert lags_behind(space_of(CONFIG), finished, trial, warmup=1) is lags

"""Proposals by Optuna: which values a trial takes, and whether a trial lags behind the others.

The sampler gets a new seed for each trial, and a study is rebuilt from its finished trials alone.
A resumed study therefore makes the same proposals as one that was not interrupted.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from aeflow.configs.bounds import Choice, Range, Space
from aeflow.errors import ConfigError
from aeflow.tuning.trials import Trial

if TYPE_CHECKING:
    import optuna

__all__ = ["check_optuna", "lags_behind", "proposal"]

STARTING = 4
"""Trials are pruned, and proposals use earlier results, only after this many earlier trials.

For pruning, only complete trials count. For proposals, complete and pruned trials count.
"""


def check_optuna() -> None:
    """Raises ConfigError if Optuna, the package that proposes trials, is not installed."""
    if find_spec("optuna") is None:
        raise ConfigError(
            "Tuning needs the package 'optuna', which is not installed. Install the extra, "
            "aeflow[tune]."
        )


def proposal(space: Space, finished: Sequence[Trial], *, number: int, seed: int) -> dict[str, Any]:
    """Returns the option values of trial `number`, given the seed and the finished trials."""
    proposed_trial = _study(space, finished, seed=seed * 10_007 + number).ask(_distributions(space))
    return {place: _decoded(space[place], value) for place, value in proposed_trial.params.items()}


def lags_behind(space: Space, finished: Sequence[Trial], trial: Trial, *, warmup: int) -> bool:
    """Returns whether a trial's best loss so far is above the median of the complete trials.

    The median is over their losses at the trial's current epoch. No trial lags behind in its first
    `warmup` epochs, or while fewer than four trials are complete.
    """
    from optuna.pruners import MedianPruner

    pruner = MedianPruner(n_startup_trials=STARTING, n_warmup_steps=warmup + 1)
    return bool(pruner.prune(_study(space, finished, seed=0), _frozen(space, trial)))


def _study(space: Space, finished: Sequence[Trial], *, seed: int) -> "optuna.Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=STARTING)
    study = optuna.create_study(sampler=sampler)
    study.add_trials([_frozen(space, trial) for trial in finished])
    return study


def _frozen(space: Space, trial: Trial) -> "optuna.trial.FrozenTrial":
    from optuna.trial import TrialState, create_trial

    states = {
        "running": TrialState.RUNNING,
        "complete": TrialState.COMPLETE,
        "pruned": TrialState.PRUNED,
        "failed": TrialState.FAIL,
    }
    return create_trial(
        state=states[trial.state],
        value=trial.loss,
        params={place: _encoded(space[place], value) for place, value in trial.values.items()},
        distributions=_distributions(space),
        intermediate_values=dict(trial.losses),
    )


def _distributions(space: Space) -> dict[str, Any]:
    return {place: _distribution(bounds) for place, bounds in space.items()}


def _distribution(bounds: Choice | Range) -> Any:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(bounds, Choice):
        return CategoricalDistribution([_encoded(bounds, option) for option in bounds.options])
    if isinstance(bounds.low, int) and isinstance(bounds.high, int):
        return IntDistribution(bounds.low, bounds.high, log=True)
    return FloatDistribution(bounds.low, bounds.high, log=True)


def _encoded(bounds: Choice | Range, value: Any) -> Any:
    """Writes a tuple or list of values as text, because Optuna's choices are single values."""
    is_several = isinstance(bounds, Choice) and isinstance(value, tuple | list)
    return "-".join(str(number) for number in value) if is_several else value


def _decoded(bounds: Choice | Range, value: Any) -> Any:
    if isinstance(bounds, Range):
        return value
    return next(option for option in bounds.options if _encoded(bounds, option) == value)

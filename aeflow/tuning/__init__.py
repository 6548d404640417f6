"""Tuning: a study of trials, each a training with other options, and the best one as TOML."""

from aeflow.tuning.best import Best, best_of
from aeflow.tuning.proposing import check_optuna
from aeflow.tuning.studies import Study
from aeflow.tuning.trials import Trial
from aeflow.tuning.trying import run_trial

__all__ = ["Best", "Study", "Trial", "best_of", "check_optuna", "run_trial"]

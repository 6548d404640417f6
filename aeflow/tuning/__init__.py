"""Tuning: a study trains a model with different options per trial, and returns the best as TOML."""

from aeflow.tuning.best import Best, best_of
from aeflow.tuning.proposing import check_optuna
from aeflow.tuning.studies import Study
from aeflow.tuning.trials import Trial
from aeflow.tuning.trying import run_trial

__all__ = ["Best", "Study", "Trial", "best_of", "check_optuna", "run_trial"]

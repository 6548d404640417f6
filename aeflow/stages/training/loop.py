"""The training loop: an epoch is a series of calls of a TensorFlow graph, with many steps per call.

Everything else, such as progress, cancelling and checkpoints, happens between these calls.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aeflow.compute.tensorflow import tf
from aeflow.configs import RuntimeConfig, TrainConfig
from aeflow.errors import DivergedTraining, Interrupted
from aeflow.models import Autoencoder
from aeflow.progress import OnProgress, Progress, is_logged
from aeflow.stages.training.checkpoints import Checkpoints, TrainingState
from aeflow.stages.training.inputs import StoredRows, TrainingBlocks
from aeflow.stages.training.optimizers import learning_rate_at
from aeflow.stages.training.policy import Policy
from aeflow.stages.training.steps import compile_steps, compile_validation
from aeflow.stages.training.together import Agreement

__all__ = ["Run", "fit"]

LOSSES = ("loss", "validation_loss")

logger = logging.getLogger(__name__)

OnEpoch = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Run:
    """Holds everything that one training run uses."""

    model: Autoencoder
    optimizer: tf.keras.optimizers.Optimizer
    blocks: TrainingBlocks
    validation_rows: StoredRows
    config: TrainConfig
    runtime: RuntimeConfig
    policy: Policy
    strategy: tf.distribute.Strategy
    agreement: Agreement

    @property
    def num_steps(self) -> int:
        """The number of steps in all epochs."""
        return self.blocks.steps_per_epoch * self.config.epochs

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Replaces the weights by their moving averages within the `with` block.

        Without `ema_momentum` in the config, there are no averages, and the weights stay.
        """
        if self.config.ema_momentum is None:
            yield
            return
        variables = self.model.trainable_variables
        last_weights = [variable.numpy() for variable in variables]
        self.optimizer.finalize_variable_values(variables)
        try:
            yield
        finally:
            for variable, weights in zip(variables, last_weights, strict=True):
                variable.assign(weights)


def fit(
    run: Run,
    state: TrainingState,
    checkpoints: Checkpoints,
    *,
    on_epoch: OnEpoch,
    on_progress: OnProgress,
) -> TrainingState:
    """Trains from `state` to the last epoch or until patience runs out. Returns the final state.

    At the end, the model has the best weights. Cancelling, deadlines and checkpoints happen between
    graph calls, about a second apart. If Interrupted is raised there, `fit` saves a checkpoint and
    raises the error again. Raises DivergedTraining at the first loss that is not finite, and
    LostMachine if a machine that shares the batches is gone.
    """
    config = run.config
    if state.step:
        logger.info("train: goes on from step %d of %d", state.step, run.num_steps)
    run_steps = compile_steps(
        run.model,
        run.optimizer,
        run.blocks.spec,
        config=config,
        policy=run.policy,
        strategy=run.strategy,
    )
    validation_loss = compile_validation(
        run.model, run.validation_rows, max_bytes=config.shuffle_bytes, seed=config.seed
    )
    pace = _Pace(run.runtime.steps_per_call)
    while state.epochs_done < config.epochs and not _out_of_patience(config, state):
        with _saved_if_interrupted(checkpoints, state):
            with run.agreement.surviving():
                _train_epoch(run, state, run_steps, pace, checkpoints, on_progress)
            with run.averaged():
                with run.agreement.surviving():
                    loss = run.agreement.minimum(validation_loss())
                _finish_epoch(run, state, loss)
                _log_epoch(config, state)
                rate = pace.rate * config.batch_size
                on_epoch({**state.history[-1], "examples_per_second": rate})
        checkpoints.save_if_due(state, run.runtime.checkpoint_epochs)
    with _saved_if_interrupted(checkpoints, state):
        on_progress(_final_progress(run, state))
    for variable, best in zip(run.model.variables, state.best_weights, strict=True):
        variable.assign(best)
    return state


@contextmanager
def _saved_if_interrupted(checkpoints: Checkpoints, state: TrainingState) -> Iterator[None]:
    """Saves a checkpoint if the block raises Interrupted, and raises the error again."""
    try:
        yield
    except Interrupted:
        checkpoints.save(state)
        raise


def _train_epoch(
    run: Run,
    state: TrainingState,
    run_steps: Any,
    pace: "_Pace",
    checkpoints: Checkpoints,
    on_progress: OnProgress,
) -> None:
    epoch = state.epochs_done
    first = epoch * run.blocks.steps_per_epoch
    for block in run.blocks.epoch(epoch, first_step=state.step - first):
        end = first + block.first_step + block.num_steps
        while state.step < end:
            with run.agreement.leaving():
                on_progress(_progress(run, state))
            count = int(run.agreement.minimum(pace.steps_within(end - state.step)))
            with pace.timing(count):
                terms = run_steps(block, state.step, block.num_steps - (end - state.step), count)
            _check_finite(run, state, terms["loss"])
            for name, values in terms.items():
                state.epoch_terms.setdefault(name, []).extend(values.tolist())
            state.step += count
            checkpoints.save_if_late(state, run.runtime.checkpoint_epochs)
    with run.agreement.leaving():
        on_progress(_progress(run, state))


def _check_finite(run: Run, state: TrainingState, losses: np.ndarray) -> None:
    if not np.isfinite(losses).all():
        step = state.step + int(np.argmin(np.isfinite(losses)))
        raise DivergedTraining(
            f"The loss must be finite, but it is {losses[step - state.step]} at step {step}, in "
            f"epoch {state.epochs_done + 1}. Choose a train.learning_rate below "
            f"{run.config.learning_rate:g}."
        )


def _finish_epoch(run: Run, state: TrainingState, validation_loss: float) -> None:
    """Adds the epoch to the history. Keeps a copy of the weights if their loss is the best so far.

    The weights are compared by validation loss.
    """
    sizes = np.full(run.blocks.steps_per_epoch, run.config.batch_size)
    sizes[-1] = run.blocks.num_rows - sizes[:-1].sum()
    means = {name: np.average(values, weights=sizes) for name, values in state.epoch_terms.items()}
    state.history.append(
        {
            "epoch": state.epochs_done + 1,
            "step": state.step,
            "learning_rate": learning_rate_at(run.config, state.step - 1, num_steps=run.num_steps),
            **{name: float(mean) for name, mean in means.items()},
            "validation_loss": validation_loss,
        }
    )
    state.epoch_terms = {}
    if validation_loss < state.best_loss or not state.best_weights:
        state.best_epoch, state.best_loss = state.epochs_done, validation_loss
        state.best_weights = [variable.numpy() for variable in run.model.variables]


def _log_epoch(config: TrainConfig, state: TrainingState) -> None:
    last = state.history[-1]
    if is_logged(state.epochs_done, config.epochs) or _out_of_patience(config, state):
        losses = ", ".join(f"{name} {last[name]:.4g}" for name in LOSSES if name in last)
        logger.info("train: epoch %d of %d, %s", state.epochs_done, config.epochs, losses)


def _out_of_patience(config: TrainConfig, state: TrainingState) -> bool:
    return 0 < config.patience <= state.epochs_done - state.best_epoch


def _final_progress(run: Run, state: TrainingState) -> Progress:
    """Returns the progress at the end of training: 100 %, even if patience ran out early."""
    message = f"epoch {state.epochs_done} of {run.config.epochs}"
    return replace(_progress(run, state), done=state.step, total=state.step, message=message)


def _progress(run: Run, state: TrainingState) -> Progress:
    last = state.history[-1] if state.history else {}
    return Progress(
        stage="train",
        done=state.step,
        total=run.num_steps,
        unit="step",
        message=f"epoch {state.epochs_done + 1} of {run.config.epochs}",
        metrics={name: last[name] for name in LOSSES if name in last},
        epoch=state.epochs_done,
    )


class _Pace:
    """Chooses the number of steps of a graph call, so that a call takes about a second.

    The trained model does not depend on this number.
    """

    def __init__(self, steps_per_call: int | None):
        self._fixed = steps_per_call
        self.rate = 8.0

    def steps_within(self, remaining_steps: int) -> int:
        return min(remaining_steps, self._fixed or max(1, int(self.rate)))

    @contextmanager
    def timing(self, count: int) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.rate = count / (time.perf_counter() - start)

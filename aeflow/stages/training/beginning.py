"""The start of a training run: its rows, model, optimizer and distribution strategy."""

import logging
from dataclasses import replace

from aeflow.artifacts import Dataset
from aeflow.compute.cluster import Cluster, cluster_here, meet
from aeflow.compute.machine import Machine
from aeflow.compute.runtime import strategy_over
from aeflow.compute.tensorflow import tf
from aeflow.configs import ModelConfig, TrainConfig
from aeflow.datasets.statistics import read_statistics
from aeflow.models import Autoencoder, build
from aeflow.models.preprocessing import fit_preprocessing
from aeflow.progress import Progress
from aeflow.stages import Work
from aeflow.stages.training.augmentation import check_augmentation
from aeflow.stages.training.inputs import TrainingBlocks, open_rows
from aeflow.stages.training.loop import Run
from aeflow.stages.training.optimizers import build_optimizer
from aeflow.stages.training.policy import choose_policy
from aeflow.stages.training.precision import batches_of, check_precision
from aeflow.stages.training.together import Agreement

__all__ = ["begin"]

logger = logging.getLogger(__name__)


def begin(work: Work, dataset: Dataset, config: TrainConfig, *, model_config: ModelConfig) -> Run:
    """Waits for all machines that share the run, and returns what the first step needs."""
    _warn_of_size(model_config, dataset)
    check_augmentation(config, dataset.example_schema)
    store, runtime, cluster = work.store, work.runtime, cluster_here()
    machine = replace(work.machine, num_machines=cluster.size)
    num_rows = dataset.rows.get("train", 0)
    policy = choose_policy(model_config, config, runtime, machine=machine, num_rows=num_rows)
    strategy = _strategy(cluster, machine, work)
    agreement = Agreement(strategy, cluster)
    rows, validation_rows = (open_rows(dataset, split, store) for split in ("train", "validation"))
    blocks = TrainingBlocks(rows, config)
    num_steps = blocks.steps_per_epoch * config.epochs
    statistics = read_statistics(dataset, store)["train"]
    preprocessing = fit_preprocessing(
        dataset.example_schema, statistics.position_mean, statistics.position_std
    )

    def build_model(precision: str, strategy: tf.distribute.Strategy | None = None) -> Autoencoder:
        model = build(
            model_config,
            dataset.example_schema,
            preprocessing,
            seed=config.seed,
            strategy=strategy,
            precision=precision,
        )
        model.prepare(num_rows=blocks.num_rows, num_steps=num_steps)
        return model

    model = None
    if config.precision != "float32":
        batches = batches_of(
            blocks.num_rows,
            len(validation_rows),
            batch_size=config.batch_size,
            parts=policy.batch_parts * strategy.num_replicas_in_sync,
            xla=policy.xla,
        )
        model = check_precision(build_model, rows, batches, config=config, agreement=agreement)
    if model is None or strategy.num_replicas_in_sync > 1:
        model = build_model(config.precision, strategy)
    optimizer = build_optimizer(
        config, model.trainable_variables, num_steps=num_steps, strategy=strategy
    )
    return Run(
        model=model,
        optimizer=optimizer,
        blocks=blocks,
        validation_rows=validation_rows,
        config=config,
        runtime=runtime,
        policy=policy,
        strategy=strategy,
        agreement=agreement,
    )


def _strategy(cluster: Cluster, machine: Machine, work: Work) -> tf.distribute.Strategy:
    """Waits for all machines of TF_CONFIG, and returns the strategy that shares each batch."""
    waiting = Progress("train", 0, 1, "step", "waits for the other machines of TF_CONFIG")
    if not cluster.is_alone:
        shared = f"{work.question.key} on {machine.num_devices} {machine.device}"
        meet(cluster, shared, lambda: work.on_progress(waiting))
        logger.info("train: %d machines share each batch", cluster.size)
    return strategy_over(machine)


def _warn_of_size(config: ModelConfig, dataset: Dataset) -> None:
    size = dataset.example_schema.size
    if config.latent_dim > size:
        logger.warning(
            "latent_dim is %d, but an example has only %d values. The latent can copy the example.",
            config.latent_dim,
            size,
        )

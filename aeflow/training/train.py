"""The training stage: from a dataset to a model in the store."""

import logging
from dataclasses import asdict
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from aeflow.artifacts import Dataset, Model
from aeflow.cluster import Cluster, cluster_here, meet
from aeflow.configs import ModelConfig, RuntimeConfig, TrainConfig
from aeflow.datasets.shards import open_split
from aeflow.datasets.statistics import read_statistics
from aeflow.errors import ConfigError
from aeflow.features import latent_array
from aeflow.lineage import Question
from aeflow.models import Autoencoder, Inference, build, in_float32, save_model
from aeflow.models.golden import NUM_GOLDEN
from aeflow.models.preprocessing import fit_preprocessing
from aeflow.progress import OnProgress, Progress, silent, with_deadline
from aeflow.runtime import prepare, strategy_over
from aeflow.storage import Draft, Store
from aeflow.training.augmentation import check_augmentation
from aeflow.training.checkpoints import Checkpoints, TrainingState
from aeflow.training.following import follow
from aeflow.training.inputs import TrainingBlocks, open_rows
from aeflow.training.live import LiveSummaries
from aeflow.training.loop import Run, fit
from aeflow.training.optimizers import build_optimizer
from aeflow.training.policy import choose_policy
from aeflow.training.precision import batches_of, check_precision
from aeflow.training.together import Agreement

__all__ = ["train", "training_question"]

logger = logging.getLogger(__name__)


def train(
    dataset: Dataset,
    config: TrainConfig,
    store: Store,
    *,
    model_config: ModelConfig,
    runtime: RuntimeConfig = RuntimeConfig(),
    on_progress: OnProgress = silent,
) -> Model:
    """Trains a model on the split `train`, keeps the weights with the best validation loss.

    Interrupted or killed, it leaves a draft with a checkpoint from which the same call goes on.
    Where `TF_CONFIG` names several machines, each makes this call, they share every batch, and the
    first of them writes. Raises ConfigError where the dataset lacks rows, or has too few for the
    kind, DivergedTraining at a loss that is not finite, LostMachine where a machine is gone.
    """
    question = training_question(dataset, config, model_config)
    _warn_of_size(model_config, dataset)
    check_augmentation(config, dataset.example_schema)
    cluster = cluster_here()
    _check_started(runtime, cluster)
    used = prepare(runtime) | {"num_machines": cluster.size}
    num_rows = dataset.rows.get("train", 0)
    policy = choose_policy(model_config, config, runtime, used=used, num_rows=num_rows)
    on_progress = with_deadline(on_progress, runtime.deadline_seconds)
    begin = partial(
        _begin,
        dataset,
        config,
        store,
        model_config=model_config,
        runtime=runtime,
        policy=policy,
        cluster=cluster,
        used=used,
        key=question.key,
    )
    if not cluster.is_chief:
        return follow(question, store, begin=begin, on_progress=on_progress)
    return store.answer(
        question,
        Model,
        partial(
            _train,
            begin=begin,
            dataset=dataset,
            store=store,
            model_config=model_config,
            runtime=runtime,
            used=used,
            key=question.key,
            on_progress=on_progress,
        ),
        resumable=True,
        runtime=used | asdict(policy),
        on_progress=on_progress,
    )


def training_question(dataset: Dataset, config: TrainConfig, model_config: ModelConfig) -> Question:
    """Returns what training asks the store for, so that an answer can be found without training."""
    return Question(
        stage="train",
        version=3,
        folder=Model.folder,
        configs={"model": model_config.hashed(), "train": config.hashed()},
        inputs={"dataset": dataset.reference},
    )


def _train(draft: Draft, *, begin, dataset, store, model_config, runtime, used, key, on_progress):
    run = begin(on_progress)
    checkpoints = Checkpoints(draft, run.model, run.optimizer)
    state = checkpoints.restore()
    with LiveSummaries(f"logs/{key}", store, run=run, schema=dataset.example_schema) as summaries:
        state = fit(run, state, checkpoints, on_epoch=summaries.write, on_progress=on_progress)
    model = run.model
    if run.config.precision != "float32":
        model = in_float32(model, model_config, dataset.example_schema)
    _write_history(draft, state)
    _write_reference(draft, model, dataset, store, runtime)
    identity = save_model(
        model,
        model_config,
        draft,
        schema=dataset.example_schema,
        golden_rows=run.validation_rows.first(NUM_GOLDEN),
        cpu=used["cpu"],
    )
    return {
        "digest": identity,
        "dataset_name": dataset.name,
        "example_schema": dataset.example_schema,
        "network": model_config.network.name,
        "kind": model_config.kind.name,
        "latent_dim": model_config.latent_dim,
        "epochs": state.epochs_done,
        "best_epoch": state.best_epoch,
        "validation_loss": state.best_loss,
    }


def _check_started(runtime: RuntimeConfig, cluster: Cluster) -> None:
    if runtime.machines and cluster.is_alone:
        raise ConfigError(
            f"runtime.machines names {len(runtime.machines)} machines, and nothing starts this on "
            "them. Name a deployment with train_on, or leave it out and give each its TF_CONFIG."
        )


def _strategy(cluster, key, used, on_progress) -> tf.distribute.Strategy:
    """Returns what shares the work, once all machines are here that do."""
    waiting = Progress("train", 0, 1, "step", "waits for the other machines of TF_CONFIG")
    if not cluster.is_alone:
        work = f"{key} on {used['num_devices']} {used['device']}"
        meet(cluster, work, lambda: on_progress(waiting))
        logger.info("train: %d machines share each batch", cluster.size)
    return strategy_over(used, cluster.size)


def _begin(
    dataset, config, store, on_progress, *, model_config, runtime, policy, cluster, used, key
) -> Run:
    """Returns what there is before the first step, once all machines are here that share it."""
    strategy = _strategy(cluster, key, used, on_progress)
    agreement = Agreement(strategy, cluster)
    rows, validation_rows = (open_rows(dataset, split, store) for split in ("train", "validation"))
    blocks = TrainingBlocks(rows, config)
    num_steps = blocks.steps_per_epoch * config.epochs
    statistics = read_statistics(dataset, store)["train"]
    preprocessing = fit_preprocessing(
        dataset.example_schema, statistics.position_mean, statistics.position_std
    )

    def built(precision: str, strategy: tf.distribute.Strategy | None = None) -> Autoencoder:
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
        model = check_precision(built, rows, batches, config=config, agreement=agreement)
    if model is None or strategy.num_replicas_in_sync > 1:
        model = built(config.precision, strategy)
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


def _write_history(draft: Draft, state: TrainingState) -> None:
    types = {"epoch": pa.int32(), "step": pa.int64()}
    columns = {
        name: pa.array([row[name] for row in state.history], types.get(name, pa.float32()))
        for name in state.history[0]
    }
    with draft.writing("history.parquet") as path:
        pq.write_table(pa.table(columns), path)


def _write_reference(
    draft: Draft, model: Autoencoder, dataset: Dataset, store: Store, runtime: RuntimeConfig
) -> None:
    """Writes errors and latents of held-out rows: what "usual" is for this model."""
    inference = Inference(model, dataset.example_schema, runtime.encode_batch_size)
    with draft.writing("reference.parquet") as path:
        shards = open_split(dataset, "validation", store)
        encoded = list(inference.encode_each(shard.features for shard in shards))
        pq.write_table(
            pa.table(
                {
                    "id": pa.chunked_array([shard.ids for shard in shards], pa.string()),
                    "reconstruction_error": pa.chunked_array([e.errors for e in encoded]),
                    "latent": pa.chunked_array([latent_array(e.latents) for e in encoded]),
                }
            ),
            path,
        )


def _warn_of_size(config: ModelConfig, dataset: Dataset) -> None:
    size = dataset.example_schema.size
    if config.latent_dim > size:
        logger.warning(
            "latent_dim is %d and an example has only %d numbers: the latent can hold a copy.",
            config.latent_dim,
            size,
        )

"""The training stage: from a dataset to a model in the store."""

from collections.abc import Callable
from dataclasses import asdict

from aeflow.artifacts import Dataset, Model
from aeflow.compute.cluster import Cluster, cluster_here
from aeflow.configs import ModelConfig, RuntimeConfig, TrainConfig
from aeflow.errors import UnfitMachine
from aeflow.stages import Answered, Work, stage

__all__ = ["train"]


def _answer(
    work: Work,
    answer: Callable[[], Model],
    dataset: Dataset,
    config: TrainConfig,
    *,
    model_config: ModelConfig,
) -> Model:
    """Trains and commits the model on the first machine of TF_CONFIG.

    The other machines take the same steps and write nothing.
    """
    cluster = cluster_here()
    _check_started(work.runtime, cluster)
    if cluster.is_chief:
        return answer()
    from aeflow.stages.training.following import follow

    return follow(work, dataset, config, model_config=model_config)


@stage(
    Model,
    name="train",
    version=3,
    run_name="train {dataset.name} {model_config.network.name}/{model_config.kind.name}",
    resumable=True,
    answer=_answer,
)
def train(
    work: Work, dataset: Dataset, config: TrainConfig, *, model_config: ModelConfig
) -> Answered:
    """Trains a model on the split `train` and keeps the weights with the best validation loss.

    If the training is interrupted or killed, a draft with a checkpoint stays, and the same call
    resumes from this checkpoint. If `TF_CONFIG` names several machines, each machine makes this
    call. The machines share every batch, and the first machine writes the model. Raises ConfigError
    if the split `train` or `validation` has no rows, or if the kind needs more rows. Raises
    DivergedTraining if a loss is not finite, and LostMachine if a machine is gone.
    """
    from aeflow.models import in_float32, save_model
    from aeflow.models.golden import NUM_GOLDEN
    from aeflow.stages.training.beginning import begin
    from aeflow.stages.training.checkpoints import Checkpoints
    from aeflow.stages.training.live import LiveSummaries
    from aeflow.stages.training.loop import fit
    from aeflow.stages.training.records import write_history, write_reference

    run = begin(work, dataset, config, model_config=model_config)
    checkpoints = Checkpoints(work.draft, run.model, run.optimizer)
    state = checkpoints.restore()
    logs, schema = f"logs/{work.question.key}", dataset.example_schema
    with LiveSummaries(logs, work.store, run=run, schema=schema) as summaries:
        state = fit(run, state, checkpoints, on_epoch=summaries.write, on_progress=work.on_progress)
    model = run.model
    if config.precision != "float32":
        model = in_float32(model, model_config, schema)
    write_history(work.draft, state)
    write_reference(model, dataset, work)
    identity = save_model(
        model,
        model_config,
        work.draft,
        schema=schema,
        golden_rows=run.validation_rows.first(NUM_GOLDEN),
        cpu=work.machine.cpu,
    )
    fields = {
        "digest": identity,
        "dataset_name": dataset.name,
        "example_schema": schema,
        "network": model_config.network.name,
        "kind": model_config.kind.name,
        "latent_dim": model_config.latent_dim,
        "epochs": state.epochs_done,
        "best_epoch": state.best_epoch,
        "validation_loss": state.best_loss,
    }
    return Answered(fields, asdict(run.policy) | {"num_machines": cluster_here().size})


def _check_started(runtime: RuntimeConfig, cluster: Cluster) -> None:
    if runtime.machines and cluster.is_alone:
        raise UnfitMachine(
            f"runtime.machines names {len(runtime.machines)} machines, but nothing starts the "
            "training on them. Name a deployment with train_on, or leave runtime.machines out and "
            "set TF_CONFIG on each machine."
        )

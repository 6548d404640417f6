"""The publish stage: one run as TensorBoard files and a report that a person can open."""

import shutil
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from aeflow.artifacts import Dataset, Evaluation, FeatureSet, Model, Publication, references
from aeflow.configs import PublishConfig, RuntimeConfig
from aeflow.datasets.shards import open_split
from aeflow.lineage import Question
from aeflow.progress import OnProgress, Progress, silent, with_deadline
from aeflow.publishing.latent_map import draw_map
from aeflow.publishing.projector import write_projector
from aeflow.publishing.report import render_report
from aeflow.publishing.results import Results, read_results
from aeflow.publishing.tensorboard import write_events
from aeflow.runtime import prepare
from aeflow.storage import Draft, Store

__all__ = ["publish"]

REPORT, TENSORBOARD = "report.html", "tensorboard"


def publish(
    evaluation: Evaluation,
    config: PublishConfig,
    store: Store,
    *,
    dataset: Dataset,
    model: Model,
    features: FeatureSet | None = None,
    runtime: RuntimeConfig = RuntimeConfig(),
    on_progress: OnProgress = silent,
) -> Publication:
    """Publishes what is known of a run, from its committed artifacts alone.

    `dataset` and `model` are those that `evaluation` judged; without `features` the report says
    how to make them.
    """
    question = Question(
        stage="publish",
        version=2,
        folder=Publication.folder,
        configs={"publish": config.hashed()},
        inputs=references(dataset=dataset, model=model, evaluation=evaluation, features=features),
    )
    return store.answer(
        question,
        Publication,
        partial(
            _publish,
            question=question,
            config=config,
            store=store,
            read=partial(read_results, dataset, model, evaluation, features=features, store=store),
            on_progress=with_deadline(on_progress, runtime.deadline_seconds),
        ),
        runtime=prepare(runtime),
        on_progress=on_progress,
    )


def _publish(draft: Draft, *, question, config, store, read, on_progress):
    on_progress(Progress("publish", 0, 3, "part", "reads the results"))
    results: Results = read()
    shards = open_split(results.dataset, results.evaluation.split, store)
    with TemporaryDirectory(prefix="aeflow-publish-") as scratch:
        folder = Path(scratch)  # TensorFlow writes to a local disk only
        on_progress(Progress("publish", 0, 3, "part", "writes TensorBoard's events"))
        write_events(folder, results)
        on_progress(Progress("publish", 1, 3, "part", "writes the projector's latents"))
        write_projector(folder, results, shards, max_rows=config.projector_rows)
        _copy_into(draft, folder)
    on_progress(Progress("publish", 2, 3, "part", "writes the report"))
    with draft.writing(REPORT) as path:
        report = render_report(results, question.address, latent_map=draw_map(results, shards))
        path.write_text(report, "utf-8")
    on_progress(Progress("publish", 3, 3, "part"))
    return {"report": REPORT, "tensorboard": TENSORBOARD}


def _copy_into(draft: Draft, folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        with draft.writing(f"{TENSORBOARD}/{file.name}") as path:
            shutil.copyfile(file, path)

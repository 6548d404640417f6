"""The publish stage: shows one run as TensorBoard files and as an HTML report."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from aeflow.artifacts import Dataset, Evaluation, FeatureSet, Model, Publication
from aeflow.configs import PublishConfig
from aeflow.datasets.shards import open_split
from aeflow.progress import Progress
from aeflow.stages import Answered, Work, stage
from aeflow.storage import Draft

__all__ = ["publish"]

REPORT, TENSORBOARD = "report.html", "tensorboard"


@stage(
    Publication,
    name="publish",
    version=2,
    run_name="publish {dataset.name} {model.network}/{model.kind}",
)
def publish(
    work: Work,
    evaluation: Evaluation,
    config: PublishConfig,
    *,
    dataset: Dataset,
    model: Model,
    features: FeatureSet | None = None,
) -> Answered:
    """Publishes the results of a run, which are read from committed artifacts only.

    `dataset` and `model` are those of the `evaluation`. If `features` is None, the report says how
    to encode features.
    """
    from aeflow.stages.publishing.latent_map import draw_map
    from aeflow.stages.publishing.projector import write_projector
    from aeflow.stages.publishing.report import render_report
    from aeflow.stages.publishing.results import read_results
    from aeflow.stages.publishing.tensorboard import write_events

    def on_part(number: int, message: str = "") -> None:
        work.on_progress(Progress("publish", number, 3, "part", message))

    work.machine  # noqa: B018  prepares TensorFlow, which writes the events
    on_part(0, "reads the results")
    results = read_results(dataset, model, evaluation, features=features, store=work.store)
    shards = open_split(dataset, evaluation.split, work.store)
    with TemporaryDirectory(prefix="aeflow-publish-") as scratch:
        folder = Path(scratch)  # TensorFlow writes to a local disk only
        on_part(0, "writes TensorBoard's events")
        write_events(folder, results)
        on_part(1, "writes the projector's latents")
        write_projector(folder, results, shards, max_rows=config.projector_rows)
        _copy_into(work.draft, folder)
    on_part(2, "writes the report")
    with work.draft.writing(REPORT) as path:
        report = render_report(results, work.question.address, latent_map=draw_map(results, shards))
        path.write_text(report, "utf-8")
    on_part(3)
    return Answered({"report": REPORT, "tensorboard": TENSORBOARD})


def _copy_into(draft: Draft, folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        with draft.writing(f"{TENSORBOARD}/{file.name}") as path:
            shutil.copyfile(file, path)

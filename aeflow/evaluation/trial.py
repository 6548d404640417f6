"""What is judged together: a restored model, a split, and the baselines it is compared with."""

from dataclasses import dataclass
from typing import Any

from aeflow.artifacts import Dataset, Model
from aeflow.evaluation.anomalies import stranger_scores
from aeflow.evaluation.card import Card, health_card
from aeflow.evaluation.denoising import denoising_scores
from aeflow.evaluation.gathering import Gathered
from aeflow.evaluation.scores import scores_of
from aeflow.evaluation.scoring import Judge
from aeflow.evaluation.spaces import read_spaces
from aeflow.evaluation.tables import label_table, percentile_table, verdict_line
from aeflow.evaluation.usage import usage_scores
from aeflow.models import Autoencoder, Inference, load_model
from aeflow.progress import Progress
from aeflow.stages import Work

__all__ = ["Trial", "card_of", "tables_of"]


@dataclass(frozen=True)
class Trial:
    """Holds a model, its network, and the split of a dataset that it is judged on."""

    work: Work
    model: Model
    dataset: Dataset
    ood: Dataset | None
    split: str
    network: Autoencoder
    inference: Inference
    judge: Judge

    @classmethod
    def of(
        cls, work: Work, model: Model, *, dataset: Dataset, ood: Dataset | None, split: str
    ) -> "Trial":
        """Restores a model and fits the baselines that it is compared with."""
        network = load_model(model, work.store, cpu=work.machine.cpu)
        return cls(
            work=work,
            model=model,
            dataset=dataset,
            ood=ood,
            split=split,
            network=network,
            inference=Inference(network, dataset.example_schema, work.runtime.encode_batch_size),
            judge=Judge(dataset, work.store, latent_dim=model.latent_dim),
        )

    def on_step(self, message: str) -> None:
        """Reports what is computed after all rows were scored."""
        total = self.dataset.rows[self.split]
        self.work.on_progress(Progress("evaluate", total, total, "row", message))


def card_of(trial: Trial, gathered: Gathered) -> Card:
    """Computes every score of a trial and returns them as a card."""
    model, dataset, store, split = trial.model, trial.dataset, trial.work.store, trial.split
    spaces = read_spaces(
        model,
        dataset,
        store,
        split=split,
        judge=trial.judge,
        inference=trial.inference,
        on_rows=lambda: trial.on_step("latents"),
    )
    errors, scores = gathered.scores(), {}
    for suffix, space in spaces.items():
        for name, score in scores_of(space).items():
            trial.on_step(name.replace("_", " "))
            scores[name + suffix] = score(space)
    if trial.ood:
        trial.on_step("strangers")
        scores |= stranger_scores(
            trial.ood, errors, spaces, judge=trial.judge, inference=trial.inference, store=store
        )
    scores |= usage_scores(
        trial.network,
        dataset,
        store,
        split=split,
        on_rows=lambda: trial.on_step("use of the latent"),
    )
    scores |= denoising_scores(
        trial.network,
        dataset,
        store,
        split=split,
        judge=trial.judge,
        on_rows=lambda: trial.on_step("denoising"),
    )
    trial.on_step("intervals")
    return health_card(errors, scores, latent_dim=model.latent_dim, of_kind=trial.network.measures)


def tables_of(
    trial: Trial, gathered: Gathered, *, metrics: dict[str, float], card: Card
) -> dict[str, Any]:
    """Returns what `metrics.json` holds: metrics, card, percentiles, labels, worst examples."""
    scores, table = gathered.scores(), gathered.table()
    labels = table["label"].to_pylist() if "label" in table.column_names else None
    return {
        "split": trial.split,
        "rows": gathered.rows,
        "metrics": metrics,
        "card": card.rows,
        "percentiles": percentile_table(scores["mse"]),
        "labels": label_table(scores, labels, trial.dataset.label_names) if labels else [],
        "worst": [{key: row[key] for key in ("id", "mse", "label")} for row in gathered.worst],
        "verdict": verdict_line(
            metrics,
            split=trial.split,
            latent_dim=trial.model.latent_dim,
            differences=card.differences,
        ),
    }

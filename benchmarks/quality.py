"""Quality of each kind on full Fashion-MNIST, compared with PCA and peers: `make bench-quality`.

Each model has the defaults that a user gets, and is trained once per seed. Prints Markdown while it
runs. With `--json FILE` it also writes the figures as JSON.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from aeflow.artifacts import Dataset
from aeflow.configs import EvaluateConfig, IngestConfig, ModelConfig, PipelineConfig, TrainConfig
from aeflow.datasets.shards import open_split
from aeflow.stages import Context
from aeflow.stages.evaluation import evaluate
from aeflow.stages.evaluation.scores import Space, knn_accuracy, probe_accuracy
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from benchmarks.children import PEERS
from flows.recipes.here import Here
from flows.recipes.one_class import one_class
from tests.fashion import FOLDER

__all__ = ["CASES", "main"]

PYTHON = PEERS / "quality" / "bin" / "python"
COLUMNS = {
    "mse": "test MSE",
    "ssim": "SSIM",
    "probe_accuracy": "linear probe",
    "knn_accuracy": "10-NN",
    "denoised_mse": "MSE after denoising",
    "ood_auroc": "OOD AUROC",
    "cpu": "CPU s",
}


@dataclass(frozen=True)
class Case:
    """Describes a model: its network, its kind with options, and the size of the latent."""

    network: str
    kind: dict = field(default_factory=lambda: {"name": "plain"})
    latent_dim: int = 32

    @property
    def config(self) -> ModelConfig:
        """The model's config, with defaults for all other fields."""
        return ModelConfig.model_validate(
            {"network": {"name": self.network}, "kind": self.kind, "latent_dim": self.latent_dim}
        )


NOISY = {"name": "denoising", "noise_stddev": 0.5}
AFFINE = {"name": "denoising", "noise": "affine"}
CASES = {
    "dense, plain": Case("dense"),
    "deep, plain": Case("deep"),
    "convolutional, plain": Case("convolutional"),
    "dense, denoising 0.5": Case("dense", NOISY),
    "convolutional, denoising 0.5": Case("convolutional", NOISY),
    "dense, variational, latent 16": Case("dense", {"name": "variational"}, 16),
    "convolutional, variational, latent 16": Case("convolutional", {"name": "variational"}, 16),
    **{
        f"dense, {kind}": Case("dense", {"name": kind})
        for kind in ("sparse", "contractive", "vq", "wae", "rae")
    },
    "convolutional, denoising affine": Case("convolutional", AFFINE),
    **{f"convolutional, {kind}": Case("convolutional", {"name": kind}) for kind in ("wae", "rae")},
}
PYTHAE = {
    "pythae AE": {"kind": "AE", "latent_dim": 32},
    "pythae VAE, latent 16": {"kind": "VAE", "latent_dim": 16},
}
ONE_CLASS, PYOD = "one class", "one class, PyOD AutoEncoder"

Figures = dict[str, float]


def main() -> None:
    """Prints a row for each case and for each installed peer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("cases", nargs="*", help="; ".join([*CASES, ONE_CLASS, *PYTHAE, PYOD]))
    parser.add_argument(
        "--source", default=f"idx:{FOLDER}", help="Images with labels; %(default)s."
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="A file for the figures.")
    arguments = parser.parse_args()
    figures_of = {}
    print("| model |", " | ".join(COLUMNS.values()), "|")
    print("|---" * (len(COLUMNS) + 1) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name, seeds in _measured(arguments, Path(folder)):
            figures_of[name] = seeds
            cells = [_cell([figures.get(column) for figures in seeds]) for column in COLUMNS]
            print(f"| {name} |", " | ".join(cells), "|", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures_of, indent=2) + "\n", "utf-8")


def _measured(arguments: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[Figures]]]:
    store, seeds = Store(folder / "store"), range(arguments.seeds)
    dataset = ingest(Context(store), IngestConfig(source=arguments.source))
    ood = ingest(Context(store), IngestConfig(source="digits", splits="all"))
    peers = (*PYTHAE, PYOD) if PYTHON.exists() else ()
    with_pca = set()
    for name in arguments.cases or [*CASES, ONE_CLASS, *peers]:
        if name == ONE_CLASS:
            yield from _one_class(arguments, store)
        elif name in PYTHAE:
            rows = _Rows(dataset, store)
            yield name, [_pythae(rows, seed=seed, **PYTHAE[name]) for seed in seeds]
        elif name == PYOD:
            rows = _Rows(dataset, store)
            yield name, [_pyod(rows, seed=seed) for seed in seeds]
        else:
            case = CASES[name]
            results = [_model_and_pca(case, dataset, ood, store, seed) for seed in seeds]
            model_figures, pca = zip(*results, strict=True)
            if case.latent_dim not in with_pca:
                with_pca.add(case.latent_dim)
                yield f"PCA-{case.latent_dim}", [pca[0]]
            yield name, list(model_figures)


def _model_and_pca(
    case: Case, dataset: Dataset, ood: Dataset, store: Store, seed: int
) -> tuple[Figures, Figures]:
    """Trains and evaluates a model; returns its figures and those of PCA."""
    started = time.process_time()
    model = train(Context(store), dataset, TrainConfig(seed=seed), model_config=case.config)
    cpu = time.process_time() - started
    evaluation = evaluate(Context(store), model, EvaluateConfig(), dataset=dataset, ood=ood)
    metrics = evaluation.metrics
    model_figures = {name: metrics[name] for name in COLUMNS if name in metrics}
    pca = {name: metrics[f"{name}_pca"] for name in COLUMNS if f"{name}_pca" in metrics}
    aurocs = [metrics[f"ood_auroc_{score}"] for score in ("error", "knn", "local")]
    return model_figures | {"ood_auroc": max(aurocs), "cpu": cpu}, pca


def _one_class(arguments: argparse.Namespace, store: Store) -> Iterator[tuple[str, list[Figures]]]:
    """Trains one model per label; yields the mean AUROC over all labels, by score."""
    figures_of: dict[str, list[Figures]] = {}
    for seed in range(arguments.seeds):
        config = PipelineConfig(
            ingest=IngestConfig(source=arguments.source), train=TrainConfig(seed=seed)
        )
        means = one_class(config, Here(store.url, config.runtime)).means()["auroc"]
        for score, auroc in means.items():
            figures_of.setdefault(f"one class, by {score}", []).append({"ood_auroc": auroc})
    yield from figures_of.items()


class _Rows:
    """Holds the input of a peer: both splits, their labels, and the largest value of a pixel."""

    def __init__(self, dataset: Dataset, store: Store):
        self.arrays: dict[str, np.ndarray] = {}
        self.labels: dict[str, pa.Array] = {}
        self.largest = (dataset.example_schema.value_range or (0.0, 1.0))[1]
        for split in ("train", "test"):
            shards = open_split(dataset, split, store)
            labels = [shard.labels for shard in shards if shard.labels is not None]
            self.labels[split] = pa.concat_arrays(labels)
            self.arrays[split] = np.concatenate([shard.features for shard in shards])
            self.arrays[f"{split}_labels"] = self.labels[split].to_numpy()


def _pythae(rows: _Rows, **options) -> Figures:
    """Trains a peer, and evaluates its latents in the same way as ours."""
    answer = _peer("pythae_fit", rows, **options)
    space = Space(
        fitted_latents=answer["train"],
        judged_latents=answer["test"],
        inputs=np.empty((0, 0)),
        compared_places=np.empty(0, np.int64),
        fitted_labels=rows.labels["train"],
        judged_labels=rows.labels["test"],
    )
    return {
        "mse": float(answer["mse"]),
        "probe_accuracy": float(probe_accuracy(space).mean()),
        "knn_accuracy": float(knn_accuracy(space).mean()),
        "cpu": float(answer["cpu"]),
    }


def _pyod(rows: _Rows, **options) -> Figures:
    answer = _peer("pyod_one_class", rows, **options)
    return {"ood_auroc": float(answer["auroc"]), "cpu": float(answer["cpu"])}


def _peer(module: str, rows: _Rows, **options) -> dict[str, np.ndarray]:
    """Runs a peer in its own environment; returns the arrays of its answer."""
    with tempfile.TemporaryDirectory() as folder:
        data, answer = Path(folder) / "data.npz", Path(folder) / "answer.npz"
        np.savez(data, **rows.arrays)
        inputs = {"data": str(data), "answer": str(answer), "largest": rows.largest}
        subprocess.run(
            [PYTHON, "-m", f"benchmarks.contenders.{module}", json.dumps(options | inputs)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with np.load(answer) as arrays:
            return dict(arrays)


def _cell(values: list[float | None]) -> str:
    numbers = [value for value in values if value is not None]
    if not numbers:
        return ""
    digits = 0 if max(numbers) > 2 else 4 if max(numbers) < 0.2 else 3
    mean, low, high = (f"{v:.{digits}f}" for v in (np.mean(numbers), min(numbers), max(numbers)))
    return mean if len(numbers) == 1 else f"{mean} ({low} to {high})"


if __name__ == "__main__":
    main()

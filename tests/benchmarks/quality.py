"""What the kinds learn on full Fashion-MNIST, beside PCA and peers. `make bench-quality`.

Each model has the defaults that a user gets; every seed is a training of its own. Prints
Markdown as it goes, and writes the figures as JSON where `--json FILE` says so.
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
from aeflow.evaluation import evaluate
from aeflow.evaluation.scores import Space, knn_accuracy, probe_accuracy
from aeflow.ingestion import ingest
from aeflow.storage import Store
from aeflow.training import train
from flows.classes import one_class
from flows.stages import STAGES
from tests.benchmarks.__main__ import SOURCE

__all__ = ["CASES", "main"]

PEERS = Path(".peers/quality/bin/python")
COLUMNS = {
    "mse": "test MSE",
    "ssim": "SSIM",
    "probe_accuracy": "linear probe",
    "knn_accuracy": "10-NN",
    "denoised_mse": "MSE after denoising",
    "ood_auroc": "strangers (AUROC)",
    "cpu": "CPU s",
}


@dataclass(frozen=True)
class Case:
    """Says what is trained: a network, a kind with its options, and the size of the latent."""

    network: str
    kind: dict = field(default_factory=lambda: {"name": "plain"})
    latent_dim: int = 32

    @property
    def config(self) -> ModelConfig:
        """The model's config, with defaults for what a case does not say."""
        return ModelConfig.model_validate(
            {"network": {"name": self.network}, "kind": self.kind, "latent_dim": self.latent_dim}
        )


NOISY = {"name": "denoising", "noise_stddev": 0.5}
CASES = {
    "dense, plain": Case("dense"),
    "deep, plain": Case("deep"),
    "convolutional, plain": Case("convolutional"),
    "dense, denoising 0.5": Case("dense", NOISY),
    "convolutional, denoising 0.5": Case("convolutional", NOISY),
    "dense, variational, latent 16": Case("dense", {"name": "variational"}, 16),
    "convolutional, variational, latent 16": Case("convolutional", {"name": "variational"}, 16),
    **{f"dense, {k}": Case("dense", {"name": k}) for k in ("sparse", "contractive", "vq")},
    **{f"dense, {k}": Case("dense", {"name": k}) for k in ("wae", "rae")},
    **{f"convolutional, {k}": Case("convolutional", {"name": k}) for k in ("wae", "rae")},
}
PYTHAE = {"pythae AE": "AE", "pythae VAE, latent 16": "VAE"}
ONE_CLASS, PYOD = "one class", "one class, PyOD AutoEncoder"

Figures = dict[str, float]


def main() -> None:
    """Prints a row for each case, and for each peer that is installed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quality", description=__doc__)
    parser.add_argument("cases", nargs="*", help="; ".join([*CASES, ONE_CLASS, *PYTHAE, PYOD]))
    parser.add_argument("--source", default=SOURCE, help="Images with labels; %(default)s.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="A file for the figures.")
    given = parser.parse_args()
    found = {}
    print("| model |", " | ".join(COLUMNS.values()), "|")
    print("|---" * (len(COLUMNS) + 1) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name, seeds in _measured(given, Path(folder)):
            found[name] = seeds
            cells = [_cell([figures.get(column) for figures in seeds]) for column in COLUMNS]
            print(f"| {name} |", " | ".join(cells), "|", flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def _measured(given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[Figures]]]:
    store = Store(folder / "store")
    dataset = ingest(IngestConfig(source=given.source), store)
    strangers = ingest(IngestConfig(source="digits", splits="all"), store)
    peers = (*PYTHAE, PYOD) if PEERS.exists() else ()
    wanted = given.cases or [*CASES, ONE_CLASS, *peers]
    seeds = range(given.seeds)
    is_first = True
    for name in wanted:
        if name == ONE_CLASS:
            yield from _one_class(given, folder)
        elif name in PYTHAE:
            yield name, [_pythae(PYTHAE[name], dataset, store, seed) for seed in seeds]
        elif name == PYOD:
            yield name, [_pyod(dataset, store, seed) for seed in seeds]
        else:
            judged = [_own(CASES[name], dataset, strangers, store, seed) for seed in seeds]
            own, pca = zip(*judged, strict=True)
            if is_first:
                yield "PCA, as many numbers", [pca[0]]
                is_first = False
            yield name, list(own)


def _own(
    case: Case, dataset: Dataset, strangers: Dataset, store: Store, seed: int
) -> tuple[Figures, Figures]:
    """Trains and judges a model; returns its figures and those of PCA."""
    started = time.process_time()
    model = train(dataset, TrainConfig(seed=seed), store, model_config=case.config)
    cpu = time.process_time() - started
    judged = evaluate(model, EvaluateConfig(), store, dataset=dataset, strangers=strangers)
    metrics = judged.metrics
    own = {name: metrics[name] for name in COLUMNS if name in metrics}
    pca = {name: metrics[f"{name}_pca"] for name in COLUMNS if f"{name}_pca" in metrics}
    ways = [metrics[f"ood_auroc_{way}"] for way in ("error", "knn", "local")]
    return own | {"ood_auroc": max(ways), "cpu": cpu}, pca


def _one_class(given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[Figures]]]:
    """Gives the mean AUROC over all labels, by score, of a model for each label."""
    found: dict[str, list[Figures]] = {}
    for seed in range(given.seeds):
        config = PipelineConfig(
            ingest=IngestConfig(source=given.source), train=TrainConfig(seed=seed)
        )
        means = one_class(config, str(folder / "store"), stages=STAGES).means()["auroc"]
        for way, auroc in means.items():
            found.setdefault(f"one class, by {way}", []).append({"ood_auroc": auroc})
    yield from found.items()


def _pythae(kind: str, dataset: Dataset, store: Store, seed: int) -> Figures:
    """Lets a peer train; its latents are judged as ours are."""
    found = _peer("pythae_fit", dataset, store, kind=kind, seed=seed)
    space = Space(
        fitted=found["train"],
        judged=found["test"],
        inputs=np.empty((0, 0)),
        compared=np.empty(0, np.int64),
        fitted_labels=_rows(dataset, "train", store)[1],
        judged_labels=_rows(dataset, "test", store)[1],
    )
    return {
        "mse": float(found["mse"]),
        "probe_accuracy": float(probe_accuracy(space).mean()),
        "knn_accuracy": float(knn_accuracy(space).mean()),
        "cpu": float(found["cpu"]),
    }


def _pyod(dataset: Dataset, store: Store, seed: int) -> Figures:
    found = _peer("pyod_one_class", dataset, store, seed=seed)
    return {"ood_auroc": float(found["auroc"]), "cpu": float(found["cpu"])}


def _peer(module: str, dataset: Dataset, store: Store, **given) -> dict[str, np.ndarray]:
    """Runs a peer in an environment of its own, and returns the arrays that it answers with."""
    (train, known), (test, asked) = (_rows(dataset, name, store) for name in ("train", "test"))
    with tempfile.TemporaryDirectory() as folder:
        data, answer = Path(folder) / "data.npz", Path(folder) / "answer.npz"
        np.savez(data, train=train, test=test, train_labels=known, test_labels=asked)
        arguments = json.dumps(given | {"data": str(data), "answer": str(answer)})
        command = [PEERS, "-m", f"tests.benchmarks.contenders.{module}", arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with np.load(answer) as found:
            return dict(found)


def _rows(dataset: Dataset, split: str, store: Store) -> tuple[np.ndarray, pa.Array]:
    shards = open_split(dataset, split, store)
    labels = pa.concat_arrays([shard.labels for shard in shards if shard.labels is not None])
    return np.concatenate([shard.features for shard in shards]), labels


def _cell(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    digits = 0 if max(known) > 2 else 4 if max(known) < 0.2 else 3
    mean = f"{np.mean(known):.{digits}f}"
    return (
        mean if len(known) == 1 else f"{mean} ({min(known):.{digits}f} to {max(known):.{digits}f})"
    )


if __name__ == "__main__":
    main()

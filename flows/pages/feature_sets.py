"""The page of a feature set: its files, its model, and code that loads it."""

from collections import Counter
from pathlib import Path

from prefect.artifacts import create_markdown_artifact

from aeflow.artifacts import FeatureSet
from aeflow.lineage import FileEntry
from aeflow.registry.features_address import newest_features
from aeflow.storage import Store
from aeflow.storage.aliases import alias_file
from flows.pages.posting import markdown_table, post, slug

__all__ = ["features_page", "show_features"]


def show_features(features: FeatureSet, store: str, *, dataset_name: str) -> None:
    """Shows a feature set on a page."""
    page = features_page(features, store, dataset_name=dataset_name)
    rows = sum(features.rows.values())
    description = f"{rows:,} rows of {features.latent_dim} dimensions, from {dataset_name}"
    post(
        create_markdown_artifact,
        page,
        key=f"features-{slug(dataset_name)}",
        description=description,
    )


def features_page(features: FeatureSet, store: str, *, dataset_name: str) -> str:
    """Returns a feature set as Markdown."""
    from aeflow.stages.publishing.report import loading_examples

    opened = Store(store)
    folder, manifest = opened.shown(features), opened.manifest(features.address)
    files = [entry for entry in manifest.files if entry.name.endswith(".parquet")]
    model = manifest.question.inputs["model"].address.partition("/")[2]
    parts = [
        f"# Features of {dataset_name}",
        f"**{sum(features.rows.values()):,} rows of {features.latent_dim} dimensions**, as Parquet "
        f"in `{folder}`",
        markdown_table(_rows(features, files)),
        f"Encoded by the model `{model}`. Every file contains its identity `{features.identity}`.",
        _stable_address(features, opened, dataset_name),
    ]
    for library, code in loading_examples(features, folder).items():
        parts += [f"### {library}", f"```python\n{code}\n```"]
    return "\n\n".join(parts) + "\n"


def _rows(features: FeatureSet, files: list[FileEntry]) -> list[dict[str, str]]:
    """Returns a row per split with its counts of rows, files and bytes, and a row of totals."""
    shards, sizes = Counter[str](), Counter[str]()
    for entry in files:
        split = Path(entry.name).parts[0].removeprefix("split=")
        shards[split] += 1
        sizes[split] += entry.size
    lines = [(split, rows, shards[split], sizes[split]) for split, rows in features.rows.items()]
    if len(lines) > 1:
        lines.append(("all", sum(features.rows.values()), shards.total(), sizes.total()))
    names = ("split", "rows", "shards", "bytes")
    return [
        dict(zip(names, (split, *(f"{count:,}" for count in counts)), strict=True))
        for split, *counts in lines
    ]


def _stable_address(features: FeatureSet, store: Store, dataset_name: str) -> str:
    newest, alias = newest_features(dataset_name, store), alias_file(dataset_name, "features")
    if newest is None:
        now = "It is not set yet. A retraining run sets it."
    elif newest.address == features.address:
        now = "It points at this feature set now."
    else:
        now = f"It points at `{newest.address}` now."
    return (
        f"The stable address `{store.url}/{alias}` names the newest features of {dataset_name} in "
        f"`current.address`. {now}"
    )

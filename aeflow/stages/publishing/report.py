"""The report: one HTML file that contains its pictures and makes no network requests."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from aeflow.artifacts import FeatureSet
from aeflow.measures import MEASURES, Measure
from aeflow.stages.publishing.results import Results

__all__ = ["loading_examples", "render_report"]

TEMPLATE, SCRIPT = "report.html.jinja", "report.js"
LABELS_SHOWN = 50
DIGITS_OF_DIGEST = 16

CAPTIONS = {
    "reconstructions": "Ten examples above their reconstructions.",
    "typical": "The examples with errors nearest to the median; the error is below each example.",
    "worst": "The examples with the largest errors; the error is below each example.",
    "samples": "Images that the model decoded from random latents; they are not in the dataset.",
    "interpolations": "From one example to another along a straight line in the latent space.",
    "error_histogram": "Most errors are below the mean, a few far above it: see the percentiles.",
    "training_curves": "The losses after each epoch, and the learning rate of the epoch.",
}


def render_report(
    results: Results, address: str, latent_map: Mapping[str, Any] | None = None
) -> str:
    """Returns the report of a run as HTML; `address` is the publication's address in its store.

    The report contains no path of this machine, so it is the same in every store. Its only script
    draws the latent map. The page's security policy allows only this script, by its hash.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = _number
    folder = resources.files("aeflow.stages.publishing")
    template, script = (folder.joinpath(name).read_text("utf-8") for name in (TEMPLATE, SCRIPT))
    return environment.from_string(template).render(
        card=[{**row, "span": _span(row)} for row in results.judgement.get("card", [])],
        latent_map=latent_map,
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        results=results,
        judgement=results.judgement,
        metrics=results.evaluation.metrics,
        address=address,
        comparison=_comparison(results),
        labels=_labels(results),
        pictures=_pictures(results),
        captions=CAPTIONS,
        lineage=_lineage(results),
        examples=loading_examples(results.features) if results.features else {},
        libraries=results.manifests[1].libraries,
    )


def loading_examples(features: FeatureSet, folder: str = "") -> dict[str, str]:
    """Returns a mapping from the name of a library to Python code that loads a feature set.

    The code reads the files in `folder`. If `folder` is empty, the code reads the files at the
    feature set's address, and must be run in the store's folder.
    """
    address, is_wide = folder or features.address, features.layout == "wide"
    wide_latents, list_latents = 'rows.filter(like="z_").to_numpy()', 'np.stack(rows["latent"])'
    pandas_latents = wide_latents if is_wide else list_latents
    polars_latents = 'rows.select("^z_.*$").to_numpy()' if is_wide else 'rows["latent"].to_numpy()'
    examples = {
        "pandas": "import numpy as np\nimport pandas as pd\n\n"
        f'rows = pd.read_parquet("{address}")\nlatents = {pandas_latents}',
        "Polars": "import polars as pl\n\n"
        f'rows = pl.read_parquet("{address}/**/*.parquet", hive_partitioning=True)\n'
        f"latents = {polars_latents}",
        "DuckDB": "import duckdb\n\n"
        f"rows = duckdb.sql(\"FROM '{address}/**/*.parquet'\")\n"
        'counts = duckdb.sql("SELECT split, count(*) FROM rows GROUP BY split").fetchall()',
    }
    if features.format == "delta":
        examples["Delta Lake"] = (
            f'from deltalake import DeltaTable\n\nrows = DeltaTable("{address}").to_pandas()'
        )
    return examples


def _comparison(results: Results) -> list[dict[str, Any]]:
    """Returns one row per metric: the values of the model and the baselines, and the best value."""
    metrics = results.evaluation.metrics
    suffixes = {"": "This model", "_pca": f"PCA-{results.model.latent_dim}"}
    suffixes["_mean_image"] = "Mean image" if _is_image(results) else "Mean row"
    on_card = {row["name"] for row in results.judgement.get("card", [])}
    own_metrics = [name for name in metrics if not name.endswith(tuple(filter(None, suffixes)))]
    table = []
    for name in own_metrics:
        measure = MEASURES.get(name, Measure(name.replace("_", " ")))
        if name in on_card and not measure.full:
            continue
        values = {title: metrics.get(name + suffix) for suffix, title in suffixes.items()}
        numbers = [value for value in values.values() if value is not None]
        best = measure.best(numbers) if measure.best and len(numbers) > 1 else None
        table.append({"measure": measure, "values": values, "best": best})
    return table


def _span(row: Mapping[str, Any]) -> dict[str, float] | None:
    """Returns where an interval and PCA's value lie on a line, in percent of the line's length."""
    if row["interval"] is None or row["pca"] is None:
        return None
    low, high = row["interval"]
    least, most = min(low, row["pca"]), max(high, row["pca"])
    size = (most - least) or 1.0
    left, right, pca = (8 + 84 * (number - least) / size for number in (low, high, row["pca"]))
    return {"left": round(left, 1), "width": round(max(right - left, 1), 1), "pca": round(pca, 1)}


def _labels(results: Results) -> list[dict[str, Any]]:
    """Returns the labels, largest error first, with the lengths of their bars in percent."""
    labels = sorted(results.judgement["labels"], key=lambda label: -label["mse"])[:LABELS_SHOWN]
    longest = max((max(label["mse"], label.get("mse_pca", 0)) for label in labels), default=0) or 1
    return [
        {
            **label,
            "length": round(100 * label["mse"] / longest, 1),
            "pca_at": round(100 * label["mse_pca"] / longest, 1) if "mse_pca" in label else None,
        }
        for label in labels
    ]


def _pictures(results: Results) -> dict[str, str]:
    return {
        name: f"data:image/png;base64,{b64encode(path.read_bytes()).decode()}"
        for name, path in results.figures.items()
    }


def _lineage(results: Results) -> list[dict[str, str]]:
    return [
        {
            "stage": manifest.stage,
            "address": manifest.question.address,
            "digest": manifest.digest[:DIGITS_OF_DIGEST],
            "created": f"{manifest.created:%Y-%m-%d %H:%M} UTC",
            "seconds": f"{manifest.seconds:,.1f} s",
            "device": str(manifest.runtime.get("device", "")).replace("auto", ""),
        }
        for manifest in results.manifests
    ]


def _is_image(results: Results) -> bool:
    return results.dataset.example_schema.is_image


def _number(value: Any) -> str:
    """Formats a number for display: four significant digits, commas between thousands."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"

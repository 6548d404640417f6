"""The metrics: their titles and formats, and whether lower or higher values are better.

A metric that only one kind of autoencoder has is declared in the `measures` of that kind.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["MEASURES", "PCA", "RATIO", "Measure"]

PCA = "_pca"
"""The suffix of PCA's metrics: `mse_pca` is the `mse` of PCA."""
RATIO = "mse_ratio_to_pca"


@dataclass(frozen=True)
class Measure:
    """Describes a metric: its titles, its format and which direction is better.

    Args:
        title: Title on the health card.
        short: Title in tables that list only the main metrics.
        full: Title in the report's table of errors. A metric that is on the health card is in this
            table only if it has this title.
        unit: Unit that follows a value.
        digits: Format specification of a value, such as `.1f`.
        best: `min` if lower is better, `max` if higher is better.
        has_interval: Whether the card shows an interval. Only a mean over rows, or a ratio of such
            means, has one.
        on_card: Whether the health card shows the metric.
        meaning: Sentence for the health card, with names in braces. `value` stands for the value of
            this metric, `rival` for PCA, `latent_dim` for the number of latent dimensions, and the
            name of any metric for the value of that metric. If the sentence is empty, the card
            compares this metric with PCA.
    """

    title: str
    short: str = ""
    full: str = ""
    unit: str = ""
    digits: str = "g"
    best: Callable | None = None
    has_interval: bool = False
    on_card: bool = True
    meaning: str = ""

    def shown(self, value: float) -> str:
        """Returns a value as text with its unit, or a dash if it is not finite."""
        if not math.isfinite(value):
            return "–"
        return f"{value:{self.digits}}{self.unit and f' {self.unit}'}"

    def shown_difference(self, size: float) -> str:
        """Returns the size of a difference as text; for shares, it is in percentage points."""
        if self.digits.endswith("%"):
            return f"{100 * size:.1f} points"
        return f"{size:.2g}" if self.best is min else self.shown(size)


_ERROR: dict[str, Any] = {"digits": ".4g", "best": min}
_DECIBELS: dict[str, Any] = {"digits": ".1f", "best": max, "unit": "dB"}
_ACCURACY: dict[str, Any] = {"digits": ".1%", "best": max, "has_interval": True}
_RECALL = "Keeps {value:.0%} of the 10 nearest neighbours; {rival} {neighbour_recall_pca:.0%}."
_RANK = "Spreads over about {value:.0f} of {latent_dim} directions."
_AUROC = "An OOD row scores higher than an in-distribution row {value:.1%} of the time."
_FLAGGED = "{value:.1%} of OOD rows are flagged if 1% of in-distribution rows are."
_SCORES = {"error": "error", "knn": "latents", "local": "local density"}
"""The scores that detect out-of-distribution (OOD) rows, with their names in titles."""

MEASURES = {
    "mse": Measure(
        "Mean squared error", short="MSE", full="Mean squared error", **_ERROR, has_interval=True
    ),
    "mae": Measure("Mean absolute error", short="MAE", **_ERROR, on_card=False),
    RATIO: Measure("Error compared with PCA", digits=".0%", best=min, has_interval=True),
    "psnr": Measure(
        "PSNR", short="PSNR", full="PSNR, mean of the examples'", **_DECIBELS, has_interval=True
    ),
    "psnr_of_mean_mse": Measure("PSNR of the mean squared error", **_DECIBELS, on_card=False),
    "ssim": Measure(
        "SSIM",
        short="SSIM",
        full="Structural similarity (SSIM)",
        digits=".3f",
        best=max,
        has_interval=True,
    ),
    "probe_accuracy": Measure("Linear probe accuracy", short="linear probe accuracy", **_ACCURACY),
    "knn_accuracy": Measure("10-NN accuracy", short="10-NN accuracy", **_ACCURACY),
    "neighbour_recall": Measure(
        "Neighbours kept", short="neighbours kept", digits=".0%", best=max, meaning=_RECALL
    ),
    "dead_dimensions": Measure("Dead dimensions", short="dead dimensions", best=min),
    "effective_rank": Measure(
        "Effective rank", short="effective rank", digits=".1f", best=max, meaning=_RANK
    ),
    "denoised_mse": Measure("Error after denoising", **_ERROR, has_interval=True),
    "denoising_gain": Measure("Denoising gain", **_DECIBELS),
    **{
        f"ood_auroc_{way}": Measure(
            f"OOD rows detected by {score} (AUROC)", digits=".3f", best=max, meaning=_AUROC
        )
        for way, score in _SCORES.items()
    },
    **{
        f"ood_caught_{way}": Measure(
            f"OOD rows flagged by {score}", digits=".1%", best=max, meaning=_FLAGGED
        )
        for way, score in _SCORES.items()
    },
}
"""The metrics by name, in the order in which they are shown."""

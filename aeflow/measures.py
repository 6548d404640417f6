"""How each metric is called, shown and compared.

A metric that only one kind of autoencoder has stands in the `measures` of that kind.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["MEASURES", "PCA", "RATIO", "Measure"]

PCA = "_pca"
"""Ends the name of PCA's value of a metric."""
RATIO = "mse_ratio_to_pca"


@dataclass(frozen=True)
class Measure:
    """Says how a metric is called and shown, and which way is better.

    Args:
        title: Its name on the health card.
        short: Its name in a table that lists only main metrics.
        full: Its name in the report's table of errors, for those that are on the card, too.
        unit: What follows a value.
        digits: The format of a value, such as `.1f`.
        best: `min` if lower is better, `max` if higher is.
        has_interval: Whether it is a mean over rows that the health card gives an interval of.
        on_card: Whether the health card shows it.
        meaning: A sentence for the health card. In braces stand a metric, `value`, which is its
            own, `rival`, which is PCA, and `latent_dim`. Without one it is compared with PCA.
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
        """Writes a value with its unit; a dash if it is not finite."""
        if not math.isfinite(value):
            return "–"
        return f"{value:{self.digits}}{self.unit and f' {self.unit}'}"

    def shown_difference(self, size: float) -> str:
        """Writes the size of a difference of two values: errors in two digits, shares in points."""
        if self.digits.endswith("%"):
            return f"{100 * size:.1f} points"
        return f"{size:.2g}" if self.best is min else self.shown(size)


_ACCURACY: dict[str, Any] = {"digits": ".1%", "best": max, "has_interval": True}
_ERROR: dict[str, Any] = {"digits": ".4g", "best": min}
_WAYS = {"error": "error", "knn": "latents", "local": "local density"}
"""What out-of-distribution rows are detected by."""

MEASURES = {
    "mse": Measure(
        "Mean squared error", short="MSE", full="Mean squared error", **_ERROR, has_interval=True
    ),
    "mae": Measure("Mean absolute error", short="MAE", **_ERROR, on_card=False),
    RATIO: Measure("Error beside PCA's", digits=".0%", best=min, has_interval=True),
    "psnr": Measure(
        "PSNR",
        short="PSNR",
        full="PSNR, mean of the examples'",
        unit="dB",
        digits=".1f",
        best=max,
        has_interval=True,
    ),
    "psnr_of_mean_mse": Measure(
        "PSNR of the mean squared error", unit="dB", digits=".1f", best=max, on_card=False
    ),
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
        "Neighbours kept",
        short="neighbours kept",
        digits=".0%",
        best=max,
        meaning="Keeps {value:.0%} of the 10 nearest neighbours; {rival} "
        "{neighbour_recall_pca:.0%}.",
    ),
    "dead_dimensions": Measure("Dead dimensions", short="dead dimensions", best=min),
    "effective_rank": Measure(
        "Effective rank",
        short="effective rank",
        digits=".1f",
        best=max,
        meaning="Spreads over about {value:.0f} of {latent_dim} directions.",
    ),
    "denoised_mse": Measure("Error after denoising", **_ERROR, has_interval=True),
    "denoising_gain": Measure("Denoising gain", unit="dB", digits=".1f", best=max),
    **{
        f"ood_auroc_{way}": Measure(
            f"Strangers told by {told} (AUROC)",
            digits=".3f",
            best=max,
            meaning="A stranger is found stranger than an ordinary row {value:.1%} of the time.",
        )
        for way, told in _WAYS.items()
    },
    **{
        f"ood_caught_{way}": Measure(
            f"Strangers caught by {told}",
            digits=".1%",
            best=max,
            meaning="{value:.1%} of strangers are flagged where 1% of ordinary rows are.",
        )
        for way, told in _WAYS.items()
    },
}
"""By the name of a metric, in the order in which they are shown."""

"""The rule of drift for new rows: they are compared with earlier nights, and not with chance alone.

The rows of a night differ from those of other nights for good reasons: a weekend, a holiday, a slow
trend. So a test that knows only chance reports drift on many good nights. Here, new rows drifted if
one of two conditions holds:

1. **A column moved.** The distribution of the errors, or of one latent dimension, differs from that
   of the last nights. The difference is significant (Kolmogorov-Smirnov, corrected for the number
   of columns and for a thousand nights). Its population stability index, less the index by chance
   and two standard deviations, is at least 0.25 and `min_psi`, and at least twice that of an
   unusual earlier night.
2. **Rows are far from all others.** A row is far if its error is more than four times the 90th
   percentile of earlier errors, or if one latent is more than four times as far from the median as
   90 % of earlier ones. The share of far rows is at least 0.5 %, at least twice that of an
   unusual earlier night, and larger than chance explains.

An unusual night is the worst one of the last 28 after the worst tenth was left out. So weekends are
usual, and broken nights that are among them do not hide another one.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import binom, ks_2samp

from aeflow.configs import DriftConfig
from aeflow.stages.comparison.shifts import ERROR, ordered
from aeflow.stages.comparison.stability import counts_between, decile_edges, psi, psi_by_chance

__all__ = ["NUM_NIGHTS", "NewShift", "NightRows", "judge_new_rows"]

NUM_NIGHTS = 28
"""The number of earlier nights to compare with: four weeks."""
MIN_NIGHTS = 7
"""With fewer nights, how much nights differ is not known."""
MIN_ROWS_A_NIGHT = 50
LEFT_OUT = 0.1
TIMES = 2.0
MIN_PSI = 0.25
"""A large change (Siddiqi, Credit Risk Scorecards, 2006). Weekends reach 0.2."""
FAR, FAR_PERCENTILE, MIN_FAR_SHARE = 4.0, 90, 0.005
RARE = 0.0025
"""Leaving out the worst nights also leaves out rare far rows, so chance explains at least these."""
NIGHTS_OF_TESTS = 1000


@dataclass(frozen=True)
class NightRows:
    """Holds rows: latents [N, latent_dim], errors [N], and which were not trained on, as [N]."""

    latents: np.ndarray
    errors: np.ndarray
    unseen: np.ndarray

    @property
    def unseen_errors(self) -> np.ndarray:
        """The errors of the rows that the model was not trained on; those are not too small."""
        return self.errors[self.unseen]


@dataclass(frozen=True)
class NewShift:
    """Describes how far one column of the new rows is from the earlier nights.

    `psi` is the population stability index less that by chance, `unusual_psi` is that of an unusual
    earlier night, and `p` is corrected for the number of columns.
    """

    column: str
    psi: float
    unusual_psi: float
    p: float
    drifted: bool


def judge_new_rows(
    new: NightRows, nights: Sequence[NightRows], config: DriftConfig
) -> dict[str, Any]:
    """Returns the part of `drift.json` about new rows: the verdict, the far rows and each column.

    Without earlier nights, `nights` holds the rows held out when the model was trained.
    """
    columns = _shifts(new, nights, config)
    far = _far_rows(new, nights, config)
    drifted = [shift for shift in columns if shift.drifted]
    return {
        "verdict": _sentence(len(new.errors), drifted, far),
        "drifted": bool(drifted) or far["drifted"],
        "rows": len(new.errors),
        "nights": len(nights),
        "far": far,
        "columns": [asdict(shift) for shift in columns],
    }


def _shifts(new: NightRows, nights: Sequence[NightRows], config: DriftConfig) -> list[NewShift]:
    num_columns = new.latents.shape[1] + 1
    errors = [night.unseen_errors for night in nights]
    shifts = [_shift(ERROR, new.errors, errors, config=config, num_columns=num_columns)]
    for i in range(new.latents.shape[1]):
        before = [night.latents[:, i] for night in nights]
        name = f"z_{i:03d}"
        now = new.latents[:, i]
        shifts.append(_shift(name, now, before, config=config, num_columns=num_columns))
    return shifts


def _shift(
    name: str,
    now: np.ndarray,
    nights: Sequence[np.ndarray],
    *,
    config: DriftConfig,
    num_columns: int,
) -> NewShift:
    now, nights = ordered(now), [ordered(night) for night in nights]
    pool = np.concatenate(nights)
    if not len(pool):
        return NewShift(name, psi=0.0, unusual_psi=0.0, p=1.0, drifted=False)
    test: Any = ks_2samp(pool, now, method="asymp")
    p = min(1.0, float(test.pvalue) * num_columns)
    edges = decile_edges(pool)
    counts = counts_between(edges, pool)
    own, *others = [
        _excess(counts, counts_between(edges, rows))
        for rows in (now, *nights)
        if rows is now or len(rows) >= MIN_ROWS_A_NIGHT
    ]
    unusual = _unusual(others)
    surely = own - 2 * _deviation(own, len(now))
    is_large = surely >= max(MIN_PSI, config.min_psi, TIMES * unusual)
    drifted = is_large and p * NIGHTS_OF_TESTS < config.significance
    return NewShift(name, psi=own, unusual_psi=unusual, p=p, drifted=drifted)


def _excess(pool: np.ndarray, rows: np.ndarray) -> float:
    """Returns by how much the stability index of counts exceeds its mean by chance."""
    return psi(pool, rows) - psi_by_chance(int(pool.sum()), int(rows.sum()), len(pool))


def _deviation(index: float, num_rows: int) -> float:
    """Returns the standard deviation of a stability index, if the index is not that of chance."""
    return 2 * math.sqrt(max(index, 0.0) / num_rows)


def _unusual(values: Sequence[float]) -> float:
    """Returns the largest value after the largest tenth is left out; 0 if there are too few."""
    kept = sorted(values)[: math.ceil(len(values) * (1 - LEFT_OUT))]
    return max(0.0, kept[-1]) if len(values) >= MIN_NIGHTS else 0.0


def _far_rows(new: NightRows, nights: Sequence[NightRows], config: DriftConfig) -> dict[str, Any]:
    """Counts the rows that are far from all others, and the least number that is reported."""
    is_far = _distance(nights)
    num_rows = len(new.errors)
    count = int(is_far(new).sum())
    earlier = sorted(
        (float(far.mean()), int(far.sum()), len(far))
        for far in (is_far(night)[night.unseen] for night in nights)
        if len(far)
    )
    kept = earlier[: math.ceil(len(earlier) * (1 - LEFT_OUT))]
    # A few far rows among a night's are chance, so twice their standard deviation does not count.
    unusual = _unusual([max(0.0, far - 2 * math.sqrt(far)) / rows for _, far, rows in earlier])
    by_chance = min(_share(earlier), max(_share(kept), RARE))
    least = _least(num_rows, unusual, by_chance, config.significance / NIGHTS_OF_TESTS)
    return {
        "count": count,
        "share": count / num_rows,
        "unusual_share": unusual,
        "least": least,
        "drifted": count >= least,
    }


def _distance(nights: Sequence[NightRows]):
    """Returns the function that says which rows of a night are far from the rows of all nights."""
    latents = np.nan_to_num(np.concatenate([night.latents for night in nights]).astype(np.float64))
    errors = ordered(np.concatenate([night.unseen_errors for night in nights]))
    middle = np.median(latents, axis=0)
    usual = np.percentile(np.abs(latents - middle), FAR_PERCENTILE, axis=0)
    usual_error = np.percentile(errors, FAR_PERCENTILE) if len(errors) else np.inf
    tiny = np.finfo(np.float32).tiny

    def is_far(night: NightRows) -> np.ndarray:
        away = np.abs(ordered(night.latents) - middle) > FAR * np.maximum(usual, tiny)
        return away.any(axis=1) | (ordered(night.errors) > FAR * max(usual_error, tiny))

    return is_far


def _share(nights: Sequence[tuple[float, int, int]]) -> float:
    """Returns the share of far rows in nights, with one more row that is far."""
    return (1 + sum(far for _, far, _ in nights)) / (1 + sum(rows for *_, rows in nights))


def _least(num_rows: int, unusual: float, by_chance: float, significance: float) -> int:
    """Returns the least number of far rows that is reported."""
    by_share = math.ceil(num_rows * max(MIN_FAR_SHARE, TIMES * unusual))
    by_test = int(binom.isf(significance, num_rows, min(by_chance, 1.0))) + 1
    return max(1, by_share, by_test)


def _sentence(num_rows: int, drifted: Sequence[NewShift], far: dict[str, Any]) -> str:
    rows = f"{num_rows:,} new rows"
    reasons = []
    if far["drifted"]:
        reasons.append(f"{far['count']:,} rows ({far['share']:.1%}) are far from all earlier ones")
    if drifted:
        first = max(drifted, key=lambda shift: shift.psi)
        others = f" and {len(drifted) - 1} more" if len(drifted) > 1 else ""
        reasons.append(f"{first.column}{others} moved (PSI {first.psi:.2f})")
    if reasons:
        return f"Drifted in {rows}: {', and '.join(reasons)}."
    return (
        f"No drift in {rows}: {far['count']:,} are far from all earlier ones. Fewer than "
        f"{far['least']:,} such rows, or broken rows that the model rebuilds well, are not seen."
    )

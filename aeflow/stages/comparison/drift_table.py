"""The table of drift: the shift of each column, whether it drifted, and a one-line verdict."""

from dataclasses import asdict
from typing import Any

from aeflow.configs import DriftConfig
from aeflow.stages.comparison.shifts import Shift, can_detect

__all__ = ["drift_table", "verdict_line"]

NAMED = 3


def drift_table(
    column_shifts: list[Shift], config: DriftConfig, *, num_reference: int, num_rows: int
) -> dict[str, Any]:
    """Returns the part of `drift.json` about columns: the verdict, and each column's shift."""
    drifted_shifts = [shift for shift in column_shifts if _has_drifted(shift, config)]
    columns = [{**asdict(shift), "drifted": shift in drifted_shifts} for shift in column_shifts]
    has_enough_rows = can_detect(
        num_reference, num_rows, num_tests=len(column_shifts), significance=config.significance
    )
    return {
        "verdict": verdict_line(
            column_shifts, drifted_shifts, num_rows=num_rows, has_enough_rows=has_enough_rows
        ),
        "drifted": bool(drifted_shifts),
        "split": config.split,
        "rows": num_rows,
        "reference_rows": num_reference,
        "significance": config.significance,
        "min_psi": config.min_psi,
        "columns": columns,
    }


def _has_drifted(shift: Shift, config: DriftConfig) -> bool:
    return shift.p < config.significance and shift.psi - shift.psi_by_chance >= config.min_psi


def verdict_line(
    column_shifts: list[Shift],
    drifted_shifts: list[Shift],
    *,
    num_rows: int,
    has_enough_rows: bool = True,
) -> str:
    """Says in one sentence which columns drifted and how far, or that no drift was detected."""
    if not has_enough_rows:
        return f"Too few rows to detect drift: {num_rows:,}."
    largest = max(column_shifts, key=lambda shift: shift.psi)
    if not drifted_shifts:
        return (
            f"No drift in {num_rows:,} rows: largest PSI {largest.psi:.2f} ({largest.column}), "
            f"by chance alone about {largest.psi_by_chance:.2f}."
        )
    first = sorted(drifted_shifts, key=lambda shift: -shift.psi)[:NAMED]
    named = ", ".join(f"{s.column} (PSI {s.psi:.2f}, {_p(s.p)})" for s in first)
    others = len(drifted_shifts) - len(first)
    more = f" and {others} more" if others else ""
    return f"Drifted in {num_rows:,} rows: {named}{more}, of {len(column_shifts)} columns."


def _p(p: float) -> str:
    return "p < 1e-10" if p < 1e-10 else f"p = {p:.1g}"

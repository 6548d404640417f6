"""The harness: runs variants in turn, repeats them, and reports medians with their spread."""

import os
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aeflow.compute.runtime import cpu_name

__all__ = ["Timings", "in_turn", "summary", "table", "timed"]

ROOFLINE = "GEMM, one thread"

Round = Callable[[], tuple[float, float]]
"""Works once, and returns wall-clock seconds and CPU seconds per row."""


@dataclass
class Timings:
    """Holds wall and CPU seconds per row of one variant's rounds, and the accuracy it reached."""

    name: str
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    reached: str = ""

    @property
    def rate(self) -> float:
        """The median of the rows per second."""
        return 1.0 / statistics.median(self.wall)

    @property
    def cpu_per_row(self) -> float:
        """The median of the CPU microseconds per row, over all CPUs."""
        return 1e6 * statistics.median(self.cpu)


def in_turn(variants: dict[str, Round], *, rounds: int) -> list[Timings]:
    """Runs every variant once to warm up, then all of them in turn, `rounds` times.

    Each round has its own random order. So a variant's effect on caches and on the temperature of
    the CPU does not always help or harm the same other variant.
    """
    timings = [Timings(name) for name in variants]
    shuffled = random.Random(0)
    for number in range(rounds + 1):
        for timing in shuffled.sample(timings, len(timings)):
            wall, cpu = variants[timing.name]()
            if number:
                timing.wall.append(wall)
                timing.cpu.append(cpu)
    return timings


def timed(work: Callable[[], object], *, rows: int) -> Round:
    """Returns a round that does the work, on `rows` rows, in this process."""

    def once() -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return (time.perf_counter() - wall) / rows, (time.process_time() - cpu) / rows

    return once


def table(title: str, timings: list[Timings], *, flops: int = 0) -> str:
    """Returns a Markdown table; ratios are against the first variant, round by round.

    If the matrix products alone (ROOFLINE) are among the variants, the table also has the share of
    their speed that each variant reaches with the same CPU time. `flops` counts the operations of a
    row.
    """
    roofline = next((t.cpu_per_row for t in timings if t.name == ROOFLINE), None)
    lines = [
        f"### {title}",
        "",
        "| variant | rows/s | aeflow is faster by (min to max) | CPU us a row | of the roofline |"
        " reached |",
        "|---|---|---|---|---|---|",
    ]
    for timing in timings:
        low, median, high = _ratios(timing, timings[0])
        share = f"{roofline / timing.cpu_per_row:.2f}" if roofline else ""
        lines.append(
            f"| {timing.name} | {timing.rate:,.0f} | {median:.2f} ({low:.2f} to {high:.2f}) | "
            f"{timing.cpu_per_row:.1f} | {share} | {timing.reached} |"
        )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    note = f"{os.cpu_count()} CPUs, {cpu_name()}; load averages {load}"
    if roofline:
        note += f"; {flops / 1e6:.2f} MFLOP a row, {flops / roofline / 1e3:.0f} GFLOP/s by GEMM"
    return "\n".join([*lines, "", f"{note}."])


def summary(timings: list[Timings]) -> list[dict]:
    """Returns the content of the table for JSON."""
    return [
        {
            "variant": timing.name,
            "rows_per_second": timing.rate,
            "cpu_us_per_row": timing.cpu_per_row,
            "speed_of_first": _ratios(timing, timings[0]),
            "reached": timing.reached,
        }
        for timing in timings
    ]


def _ratios(timing: Timings, first: Timings) -> tuple[float, float, float]:
    ratios = [
        seconds / first_seconds
        for seconds, first_seconds in zip(timing.wall, first.wall, strict=True)
    ]
    return min(ratios), statistics.median(ratios), max(ratios)

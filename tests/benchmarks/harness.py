"""Interleaves variants, repeats them, and reports medians with their spread."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Timings", "interleaved", "table"]


@dataclass
class Timings:
    """Holds wall and CPU seconds of one variant's rounds, and what it reached."""

    name: str
    rows: int
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    reached: str = ""


def interleaved(variants: dict[str, Callable[[], str]], *, rows: int, rounds: int) -> list[Timings]:
    """Runs every variant once to warm up, then all of them in turn, `rounds` times.

    A variant returns what it reached, such as its test error, so that a fast wrong answer shows.
    """
    timings = [Timings(name, rows) for name in variants]
    for timing in timings:
        timing.reached = variants[timing.name]()
    for _ in range(rounds):
        for timing in timings:
            wall, cpu = time.perf_counter(), time.process_time()
            timing.reached = variants[timing.name]()
            timing.wall.append(time.perf_counter() - wall)
            timing.cpu.append(time.process_time() - cpu)
    return timings


def table(title: str, timings: list[Timings]) -> str:
    """Returns a Markdown table; ratios are against the first variant, round by round."""
    lines = [
        f"### {title}",
        "",
        "| variant | rows/s: median (min to max) | speed of aeflow | CPU us a row | reached |",
        "|---|---|---|---|---|",
    ]
    ours = timings[0]
    for timing in timings:
        rates = sorted(timing.rows / seconds for seconds in timing.wall)
        ratios = [theirs / own for theirs, own in zip(timing.wall, ours.wall, strict=True)]
        lines.append(
            f"| {timing.name} | {statistics.median(rates):,.0f} ({rates[0]:,.0f} to "
            f"{rates[-1]:,.0f}) | {statistics.median(ratios):.1f} x | "
            f"{1e6 * statistics.median(timing.cpu) / timing.rows:.1f} | {timing.reached} |"
        )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return "\n".join([*lines, "", f"{os.cpu_count()} CPUs, load averages {load}."])

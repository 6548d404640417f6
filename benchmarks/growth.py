"""Growth of the costs, as tables and as curves in a picture: `python -m benchmarks.growth`.

Measures encoding against rows and shards, and an epoch of training against rows, latent size and
hidden units. Has the requirements of `benchmarks.scale`.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aeflow.configs import IngestConfig
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.storage import Store
from benchmarks import scale
from benchmarks.children import started
from benchmarks.training import OURS, Case, write_rows
from tests.fashion import FOLDER

__all__ = ["main"]

PICTURE = Path(".readme/growth.png")
ENCODED = (10_000, 100_000, 1_000_000, 10_000_000)
SHARDED_ROWS, ROW_BYTES = 200_000, 784
SHARDS = (1, 10, 100, 400)
EPOCH = {"rows": 57_000, "hidden": 128, "latent": 32}
EPOCHS = {
    "rows": (7_125, 14_250, 28_500, 57_000),
    "latent": (8, 32, 128, 512),
    "hidden": (64, 128, 256, 512, 1024),
}
EPOCHS_MEASURED = 3
INK, BLUE = "#1f2933", "#2262a8"

Points = list[tuple[float, float]]


def main() -> None:
    """Measures, prints Markdown and draws the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--rows", type=int, default=max(ENCODED), help="The most rows to encode.")
    options = parser.parse_args()
    sizes = [rows for rows in ENCODED if rows <= options.rows]
    by_rows = scale.measure(*[(rows, None) for rows in sizes])
    per_shard = [SHARDED_ROWS * ROW_BYTES // shards for shards in SHARDS]
    by_shards = scale.measure(*[(SHARDED_ROWS, shard_bytes) for shard_bytes in per_shard])
    print("| rows encoded | rows/s | anonymous memory at most |\n|---|---|---|")
    for one in by_rows:
        print(
            f"| {one.rows:,} | {one.rows_a_second:,.0f} | {one.peak_anonymous / 2**20:,.0f} MiB |"
        )
    print(f"\n| shards of {SHARDED_ROWS:,} rows | seconds |\n|---|---|")
    for shards, one in zip(SHARDS, by_shards, strict=True):
        print(f"| {shards} | {one.seconds:.1f} |")
    curves = {f"one epoch by {name}": points for name, points in _epochs()}
    for title, points in curves.items():
        print(f"\n| {title} | seconds |\n|---|---|")
        print("\n".join(f"| {size:,} | {seconds:.2f} |" for size, seconds in points))
    rates: Points = [(one.rows, one.rows_a_second) for one in by_rows]
    memory: Points = [(one.rows, one.peak_anonymous / 2**20) for one in by_rows]
    seconds: Points = [(n, one.seconds) for n, one in zip(SHARDS, by_shards, strict=True)]
    _draw(
        {
            "encoded, rows/s by rows": rates,
            "encoding, MiB by rows": memory,
            f"encoding {SHARDED_ROWS:,} rows, s by shards": seconds,
            **{f"{title}, s": points for title, points in curves.items()},
        },
        options.picture,
    )


def _epochs() -> Iterator[tuple[str, Points]]:
    """Yields the seconds of an epoch of the whole training stage by size, one size at a time."""
    with tempfile.TemporaryDirectory() as folder:
        store, data = Store(Path(folder) / "store"), Path(folder) / "data.npz"
        write_rows(ingest(Context(store), IngestConfig(source=f"idx:{FOLDER}")), store, data)
        for name, sizes in EPOCHS.items():
            points: Points = []
            for size in sizes:
                case = Case("", "dense", contenders=(OURS,), **EPOCH | {name: size})
                with started("aeflow_fit", None, case.arguments(data) | {"options": {}}) as child:
                    walls = [child.work()[0] for _ in range(EPOCHS_MEASURED)]
                points.append((size, statistics.median(walls) * case.rows))
            yield name, points


def _draw(curves: dict[str, Points], path: Path) -> None:
    figure = Figure(figsize=(10, 5.4), layout="constrained", facecolor="white")
    axes = figure.subplots(2, 3)
    for (title, points), panel in zip(curves.items(), axes.flat, strict=True):
        _curve(panel, title, points)
    figure.savefig(path, dpi=144, metadata={"Software": None})


def _curve(axes: Axes, title: str, points: Points) -> None:
    x, y = np.array(points).T
    axes.plot(x, y, marker="o", markersize=4, color=BLUE, linewidth=1.4)
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(x, labels=[f"{value:,.0f}" for value in x])
    axes.set_ylim(0, y.max() * 1.15)
    axes.set_title(title, fontsize=9, color=INK, loc="left")
    axes.tick_params(labelsize=8, colors=INK)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()

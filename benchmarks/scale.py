"""Memory, speed and ids when encoding one and ten million rows: `python -m benchmarks.scale`.

Needs about 20 GB of disk for the temporary folder, `make services`, and an idle machine.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds

from aeflow.artifacts import Dataset, FeatureSet, Model
from aeflow.configs import IngestConfig, ModelConfig, TrainConfig
from aeflow.stages import Context
from aeflow.stages.ingestion import ingest
from aeflow.stages.training import train
from aeflow.storage import Store
from tests.fashion import FOLDER, write_repeated

__all__ = ["Measured", "main", "measure"]

SIZES = (1_000_000, 10_000_000)
ENCODE = """
import sys, time
from aeflow.artifacts import Dataset, Model
from aeflow.configs import EncodeConfig
from aeflow.stages import Context
from aeflow.stages.encoding import encode
from aeflow.storage import Store

context, model, dataset = Context(Store(sys.argv[1])), sys.argv[2], sys.argv[3]
start = time.monotonic()
features = encode(context, Model.model_validate_json(model), EncodeConfig(),
                  dataset=Dataset.model_validate_json(dataset))
print(time.monotonic() - start)
print(features.model_dump_json())
"""


@dataclass(frozen=True)
class Measured:
    """Holds the costs of encoding: seconds, and the peak of anonymous memory in bytes."""

    rows: int
    seconds: float
    peak_anonymous: int

    @property
    def rows_a_second(self) -> float:
        """The encoded rows per second."""
        return self.rows / self.seconds


def main(sizes: tuple[int, ...] = SIZES) -> None:
    """Encodes data of each size in a separate process, and prints a comparison."""
    measured = measure(*[(rows, None) for rows in sizes])
    for one in measured:
        print(
            f"{one.rows:>12,} rows  {one.rows_a_second:>10,.0f} rows/s  "
            f"{one.peak_anonymous / 2**20:>8,.0f} MiB at most"
        )
    first, last = measured[0], measured[-1]
    print(
        f"memory {last.peak_anonymous / first.peak_anonymous - 1:+.1%} (at most +5%), "
        f"speed {last.rows_a_second / first.rows_a_second - 1:+.1%} (at least -10%); each id once."
    )


def measure(*sizes: tuple[int, int | None]) -> list[Measured]:
    """Encodes a dataset per size: its rows, and bytes per shard or None for the default."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        fashion = ingest(Context(store), IngestConfig(source=f"idx:{FOLDER}"))
        config = ModelConfig(latent_dim=32)
        model = train(Context(store), fashion, TrainConfig(epochs=1), model_config=config)
        return [
            _measured(rows, shard_bytes, model, store, Path(folder)) for rows, shard_bytes in sizes
        ]


def _measured(
    rows: int, shard_bytes: int | None, model: Model, store: Store, folder: Path
) -> Measured:
    path = folder / f"{rows}.npz"
    write_repeated(path, rows)
    options = {"shard_bytes": shard_bytes} if shard_bytes else {}
    dataset = ingest(Context(store), IngestConfig(source=f"npz:{path}", splits="all", **options))
    path.unlink()
    arguments = [str(store.root), model.model_dump_json(), dataset.model_dump_json()]
    process = subprocess.Popen(
        [sys.executable, "-c", ENCODE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    peaks = [0]
    watch = threading.Thread(target=_watch, args=(process, peaks))
    watch.start()
    out, _ = process.communicate()
    watch.join()
    if process.returncode != 0:
        raise SystemExit(f"Encoding {rows} rows failed.")
    *_, seconds, features = out.splitlines()
    _check_ids(FeatureSet.model_validate(json.loads(features)), dataset, store)
    shutil.rmtree(store.locate(dataset))
    shutil.rmtree(store.root / FeatureSet.folder)
    return Measured(rows, float(seconds), max(peaks))


def _watch(process: subprocess.Popen, peaks: list[int]) -> None:
    """Records the process's anonymous memory until it ends; mapped pages are not counted."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        try:
            lines = status.read_text().splitlines()
        except OSError:
            return
        memory_lines = [line for line in lines if line.startswith("RssAnon:")]
        peaks += [1024 * int(line.split()[1]) for line in memory_lines]
        time.sleep(0.1)


def _check_ids(features: FeatureSet, dataset: Dataset, store: Store) -> None:
    """Raises SystemExit if an id is missing or exists twice; ids end in numbers from 0 on."""
    total = sum(dataset.rows.values())
    counts = np.zeros(total, dtype=np.uint8)
    for batch in ds.dataset(store.locate(features)).to_batches(columns=["id"]):
        numbers = [int(name.rpartition("/")[2]) for name in batch["id"].to_pylist()]
        np.add.at(counts, numbers, 1)
    if not (counts == 1).all():
        raise SystemExit(f"{int((counts != 1).sum())} of {total} ids do not exist exactly once.")


if __name__ == "__main__":
    main(tuple(int(size) for size in sys.argv[1:]) or SIZES)

"""Ray Data: `read_parquet`, `map_batches` of ONNX Runtime on both cores, `write_parquet`."""

import os
import shutil

os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from benchmarks.contenders.child import serve
from benchmarks.contenders.encoder import BATCH, Arguments, list_column
from benchmarks.contenders.onnx_model import encoder_model, session


class Encode:
    """A worker in its own process, which keeps one session with one thread."""

    def __init__(self, model: bytes):
        self._running = session(model, threads=1)

    def __call__(self, table: pa.Table) -> pa.Table:
        pixels = table["pixels"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
        latents = self._running.run(None, {"pixels": np.ascontiguousarray(pixels)})[0]
        return pa.table({"id": table["id"], "latent": list_column(latents)})


def main() -> None:
    """Encodes the rows of the command line on each request."""
    arguments = Arguments()
    prepared = arguments.folder / "ray"
    prepared.mkdir(exist_ok=True)
    for number, (ids, pixels) in enumerate(arguments.tables()):
        table = pa.table({"id": ids, "pixels": list_column(pixels)})
        pq.write_table(table, prepared / f"{number:05d}.parquet", use_dictionary=False)
    ray.init(num_cpus=os.cpu_count(), include_dashboard=False, log_to_driver=False)
    model = encoder_model(arguments.weights)

    def work(number: int) -> None:
        shutil.rmtree(arguments.out, ignore_errors=True)
        rows = ray.data.read_parquet(str(prepared))
        rows.map_batches(
            Encode,
            fn_constructor_args=[model],
            batch_size=BATCH,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=os.cpu_count()),
            num_cpus=0.5,
        ).write_parquet(str(arguments.out))

    serve(work, lambda: None, rows=arguments.rows)


if __name__ == "__main__":
    main()

"""Hugging Face `datasets`: a batched `map` of ONNX Runtime over Arrow batches, then Parquet.

Tuned by hand: 1,024 rows per batch, no cache, pixels as arrays, latents written as they arrive.
"""

import datasets
import numpy as np
import pyarrow as pa

from benchmarks.contenders.child import serve
from benchmarks.contenders.encoder import BATCH, Arguments, list_column
from benchmarks.contenders.onnx_model import encoder_model, session


def main() -> None:
    """Encodes the rows of the command line on each request."""
    arguments = Arguments()
    running = session(encoder_model(arguments.weights))
    datasets.disable_caching()
    datasets.disable_progress_bars()
    tables = [
        pa.table({"id": ids, "pixels": list_column(pixels)}) for ids, pixels in arguments.tables()
    ]
    prepared = arguments.folder / "datasets"
    datasets.Dataset(pa.concat_tables(tables)).save_to_disk(prepared)
    del tables
    rows = datasets.load_from_disk(prepared).with_format("arrow")

    def encode(table: pa.Table) -> pa.Table:
        pixels = table["pixels"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
        latents = running.run(None, {"pixels": np.ascontiguousarray(pixels)})[0]
        return pa.table({"id": table["id"], "latent": list_column(latents)})

    def work(number: int) -> None:
        mapped = rows.map(
            encode,
            batched=True,
            batch_size=BATCH,
            remove_columns=["pixels"],
            writer_batch_size=100_000,
            new_fingerprint=f"round-{number}",
        )
        mapped.to_parquet(arguments.out, batch_size=100_000)

    serve(work, lambda: None, rows=arguments.rows)


if __name__ == "__main__":
    main()

"""ONNX Runtime: batches of a memory map through a session, Parquet by Arrow."""

from benchmarks.contenders.child import serve
from benchmarks.contenders.encoder import Given, write_latents
from benchmarks.contenders.onnx_model import encoder_model, session


def main() -> None:
    """Encodes the rows of the command line on each request."""
    given = Given()
    running = session(encoder_model(given.weights))

    def encode(pixels):
        return running.run(None, {"pixels": pixels})[0]

    serve(lambda number: write_latents(given, encode), lambda: None, rows=given.rows)


if __name__ == "__main__":
    main()

"""ONNX Runtime: batches of a memory map through a session, Parquet by Arrow."""

from benchmarks.contenders.child import serve
from benchmarks.contenders.encoder import Arguments, write_latents
from benchmarks.contenders.onnx_model import encoder_model, session


def main() -> None:
    """Encodes the rows of the command line on each request."""
    arguments = Arguments()
    running = session(encoder_model(arguments.weights))

    def encode(pixels):
        return running.run(None, {"pixels": pixels})[0]

    serve(lambda number: write_latents(arguments, encode), lambda: None, rows=arguments.rows)


if __name__ == "__main__":
    main()

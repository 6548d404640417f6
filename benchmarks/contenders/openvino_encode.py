"""OpenVINO: batches of a memory map through a compiled model, Parquet by Arrow."""

import openvino

from benchmarks.contenders.child import serve
from benchmarks.contenders.encoder import Arguments, write_latents
from benchmarks.contenders.onnx_model import encoder_model


def main() -> None:
    """Encodes the rows of the command line on each request."""
    arguments = Arguments()
    model = openvino.Core().read_model(encoder_model(arguments.weights), b"")
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def encode(pixels):
        return compiled(pixels)[0].copy()

    serve(lambda number: write_latents(arguments, encode), lambda: None, rows=arguments.rows)


if __name__ == "__main__":
    main()

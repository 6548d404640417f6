"""The encoder as an ONNX model, and an ONNX Runtime session that runs it."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

__all__ = ["encoder_model", "session"]


def encoder_model(weights: dict[str, np.ndarray]) -> bytes:
    """Returns a model from pixels uint8 [N, 784] to latents float32 [N, D]."""
    n, latent = weights["w1"].shape[0], weights["w2"].shape[1]
    constants = weights | {"scale": np.float32(1.0 / 255.0)}
    nodes = [
        helper.make_node("Cast", ["pixels"], ["raw"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["raw", "scale"], ["x"]),
        helper.make_node("Gemm", ["x", "w1", "b1"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "w2", "b2"], ["latent"]),
    ]
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["rows", n])],
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["rows", latent])],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def session(model: bytes, *, threads: int = 0) -> onnxruntime.InferenceSession:
    """Returns a session with `threads` threads; 0 means one per core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

"""The setup of TensorFlow, once per process: device, threads and determinism."""

import os
import platform
from pathlib import Path

from aeflow.compute.machine import Machine
from aeflow.compute.tensorflow import reset_keras, tf
from aeflow.configs import RuntimeConfig
from aeflow.errors import UnfitMachine

__all__ = ["cpu_name", "gpu_names", "prepare", "strategy_over"]

VECTOR_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "sve", "bf16")
"""Flags of x86 and of Arm processors for which TensorFlow and oneDNN have their own kernels."""
KERNEL_SETTINGS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS")
"""Environment variables that select other kernels, whose results differ in the last digits."""
ROUNDING_SETTINGS = (
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
    "TF_SET_ONEDNN_FPMATH_MODE",
)
"""Environment variables that let float32 convolutions use bfloat16, with errors of 3e-3."""
THREADS = "TF_NUM_INTRAOP_THREADS"


def prepare(runtime: RuntimeConfig) -> Machine:
    """Sets up TensorFlow for a stage, and returns the machine that this process computes on.

    Work on a CPU is deterministic: with the same CPU type, thread count and libraries, a resumed
    run gives the same result as an uninterrupted run. Raises UnfitMachine if TensorFlow has already
    started with other settings, which can no longer change, or if TensorFlow sees fewer GPUs than
    requested.
    """
    for name in ROUNDING_SETTINGS:  # the config alone decides the precision
        os.environ.pop(name, None)
    try:
        device = _choose_device(runtime)
        num_devices = _divide(device, runtime.num_devices)
        if runtime.threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(runtime.threads)
    except RuntimeError as error:
        raise UnfitMachine(
            "TensorFlow has already started in this process with other devices or other "
            "threads. Run this stage in a separate process."
        ) from error
    tf.config.experimental.enable_tensor_float_32_execution(False)
    reset_keras()
    if device == "cpu":
        tf.config.experimental.enable_op_determinism()
    return Machine(device, cpu_name(), _threads(), num_devices)


def gpu_names() -> list[str]:
    """Returns the names of the GPUs that TensorFlow sees."""
    gpus = tf.config.list_physical_devices("GPU")
    details = map(tf.config.experimental.get_device_details, gpus)
    return [each.get("device_name", "GPU") for each in details]


def strategy_over(machine: Machine) -> tf.distribute.Strategy:
    """Returns the TensorFlow strategy by which all devices share each training step.

    If there are several machines, each of them must call this function, and every call returns when
    all of them have done so. Raises UnfitMachine if there are several machines and TensorFlow has
    already computed in this process.
    """
    if machine.num_machines > 1:
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise UnfitMachine(
                "TensorFlow has already started in this process, but machines can share batches "
                "only if it has not. Run the training in a separate process."
            ) from error
    if machine.num_devices == 1:
        return tf.distribute.get_strategy()
    kind = machine.device.upper()
    return tf.distribute.MirroredStrategy([f"{kind}:{i}" for i in range(machine.num_devices)])


def _divide(device: str, count: int | None) -> int:
    """Returns the number of devices to use. A CPU is split into the requested number of devices."""
    if device == "gpu":
        gpus = tf.config.list_physical_devices("GPU")
        if count and count > len(gpus):
            raise UnfitMachine(
                f"TensorFlow sees {len(gpus)} GPUs here, but runtime.num_devices is {count}. "
                f"Choose at most {len(gpus)}."
            )
        tf.config.set_visible_devices(gpus[:count], "GPU")
        return count or len(gpus)
    if count and count > 1:
        cpu, *_ = tf.config.list_physical_devices("CPU")
        shares = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(cpu, shares)
    return count or 1


def _choose_device(runtime: RuntimeConfig) -> str:
    gpus = tf.config.list_physical_devices("GPU")
    if runtime.device == "gpu" and not gpus:
        raise UnfitMachine("TensorFlow sees no GPU here. Choose runtime.device = 'auto' or 'cpu'.")
    if runtime.device == "cpu" and gpus:
        tf.config.set_visible_devices([], "GPU")
        return "cpu"
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return "gpu" if gpus else "cpu"


def _threads() -> int:
    """Returns the number of threads that share an operation, by the rules of TensorFlow 2.21.

    The number set by the config comes first, then the number in TF_NUM_INTRAOP_THREADS, then the
    number of cores that this process may use. OMP_NUM_THREADS has no effect.
    """
    variable = os.environ.get(THREADS, "").strip()
    setting = tf.config.threading.get_intra_op_parallelism_threads()
    return setting or (int(variable) if variable.isdigit() else 0) or _num_cores()


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name(facts: Path = Path("/proc/cpuinfo")) -> str:
    """Returns the processor's name, and the instructions and settings that decide its kernels.

    Clouds give processors of several generations the same name, but each generation rounds
    sums differently. Python's own `platform.processor()` is empty on most Linux systems.
    """
    fields: dict[str, str] = {}
    if facts.exists():
        for line in facts.read_text("utf-8").splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name") or platform.processor() or platform.machine()
    flags = (fields.get("flags") or fields.get("Features", "")).split()
    instructions = (each for each in VECTOR_INSTRUCTIONS if each in flags)
    settings = (f"{each}={os.environ[each]}" for each in KERNEL_SETTINGS if os.environ.get(each))
    return ", ".join([name, *instructions, *settings])

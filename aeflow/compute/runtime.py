"""Sets TensorFlow up, once per process: device, threads, determinism. Nothing else touches it."""

import os
import platform
from pathlib import Path

from aeflow.compute.machine import Machine
from aeflow.compute.tensorflow import reset_keras, tf
from aeflow.configs import RuntimeConfig
from aeflow.errors import UnfitMachine

__all__ = ["cpu_name", "gpu_names", "prepare", "strategy_over"]

VECTOR_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "sve", "bf16")
"""Flags of x86 and of Arm processors for which TensorFlow and oneDNN have kernels of their own."""
KERNEL_SETTINGS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS")
"""Variables by which other kernels are chosen than the processor has, with other last digits."""
ROUNDING_SETTINGS = (
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
    "TF_SET_ONEDNN_FPMATH_MODE",
)
"""Variables that let float32 convolutions multiply in bfloat16, with errors of 3e-3."""
THREADS = "TF_NUM_INTRAOP_THREADS"


def prepare(runtime: RuntimeConfig) -> Machine:
    """Prepares this process for a stage; returns what it computes on.

    Work on a CPU is deterministic, so that on one CPU type, thread count and set of libraries a
    resumed run equals an unbroken one. Raises UnfitMachine if TensorFlow has already started
    with other settings, which it cannot change, or sees fewer devices than are asked for.
    """
    for name in ROUNDING_SETTINGS:  # the config says in which precision is multiplied
        os.environ.pop(name, None)
    try:
        device = _choose_device(runtime)
        num_devices = _divide(device, runtime.num_devices)
        if runtime.threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(runtime.threads)
    except RuntimeError as error:
        raise UnfitMachine(
            "TensorFlow has already started in this process with other devices or other "
            "threads. Run this stage in a process of its own."
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
    """Returns what lets the devices of prepared processes share the work of each step.

    Of several machines all call this at once; it returns when all have. Raises UnfitMachine if
    TensorFlow has been at work in this process before.
    """
    if machine.num_machines > 1:
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise UnfitMachine(
                "TensorFlow has already started in this process, and machines share batches only "
                "before it has. Run the training in a process of its own."
            ) from error
    if machine.num_devices == 1:
        return tf.distribute.get_strategy()
    kind = machine.device.upper()
    return tf.distribute.MirroredStrategy([f"{kind}:{i}" for i in range(machine.num_devices)])


def _divide(device: str, wanted: int | None) -> int:
    """Returns how many devices are used; a CPU is cut into as many as are wanted."""
    if device == "gpu":
        gpus = tf.config.list_physical_devices("GPU")
        if wanted and wanted > len(gpus):
            raise UnfitMachine(
                f"TensorFlow sees {len(gpus)} GPUs here, and runtime.num_devices is {wanted}. "
                "Choose at most as many."
            )
        tf.config.set_visible_devices(gpus[:wanted], "GPU")
        return wanted or len(gpus)
    if wanted and wanted > 1:
        cpu, *_ = tf.config.list_physical_devices("CPU")
        shares = [tf.config.LogicalDeviceConfiguration()] * wanted
        tf.config.set_logical_device_configuration(cpu, shares)
    return wanted or 1


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
    """Returns how many threads share an operation, by the rules of TensorFlow 2.21.

    OMP_NUM_THREADS is not among them; the cores that this process may use are.
    """
    given = os.environ.get(THREADS, "").strip()
    chosen = tf.config.threading.get_intra_op_parallelism_threads()
    return chosen or (int(given) if given.isdigit() else 0) or _num_cores()


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name(facts: Path = Path("/proc/cpuinfo")) -> str:
    """Names the processor with all by which its kernels are chosen: instructions, and settings.

    Clouds call processors of several generations by one name, and sums are rounded differently
    on each. Python's own `platform.processor()` is empty on most Linux systems.
    """
    told: dict[str, str] = {}
    if facts.exists():
        for line in facts.read_text("utf-8").splitlines():
            key, _, value = line.partition(":")
            told.setdefault(key.strip(), value.strip())
    name = told.get("model name") or platform.processor() or platform.machine()
    flags = (told.get("flags") or told.get("Features", "")).split()
    instructions = (each for each in VECTOR_INSTRUCTIONS if each in flags)
    settings = (f"{each}={os.environ[each]}" for each in KERNEL_SETTINGS if os.environ.get(each))
    return ", ".join([name, *instructions, *settings])

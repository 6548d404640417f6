"""What manifests record about the machine, and how TensorFlow is set up."""

import os
import subprocess
import sys

import pytest

from aeflow.compute.runtime import cpu_name, prepare
from aeflow.compute.tensorflow import tf
from aeflow.configs import RuntimeConfig


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ("model name\t: AMD EPYC\nflags\t\t: fpu avx avx2 sha_ni\n", "AMD EPYC, avx2"),
        (
            "model name\t: AMD EPYC\nflags\t\t: avx2 avx512f avx512_bf16\n",
            "AMD EPYC, avx2, avx512f, avx512_bf16",
        ),
        ("model name\t: Neoverse-V1\nFeatures\t: fp sve bf16\n", "Neoverse-V1, sve, bf16"),
        ("model name\t: a: b\n\nmodel name\t: another\n", "a: b"),
    ],
)
def test_processors_of_one_name_differ_by_their_vector_instructions(tmp_path, facts, name):
    file = tmp_path / "cpuinfo"
    file.write_text(facts, "utf-8")
    assert cpu_name(file) == name


def test_processor_has_a_name_without_the_file(tmp_path):
    assert cpu_name(tmp_path / "absent")


def test_manifests_name_the_processor():
    assert prepare(RuntimeConfig()).cpu == cpu_name()


@pytest.mark.parametrize(
    "name", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS"]
)
def test_setting_that_chooses_other_kernels_is_part_of_the_name(tmp_path, monkeypatch, name):
    file = tmp_path / "cpuinfo"
    file.write_text("model name\t: AMD EPYC\nflags\t\t: avx2\n", "utf-8")
    monkeypatch.setenv(name, "AVX2")
    assert cpu_name(file) == f"AMD EPYC, avx2, {name}=AVX2"


def test_keras_has_its_own_defaults_once_a_stage_is_prepared():
    """A user's `keras.json` is read at import, and would change later optimizers and layers."""
    tf.keras.config.set_floatx("float64")
    tf.keras.config.set_epsilon(0.1)
    tf.keras.config.set_image_data_format("channels_first")
    prepare(RuntimeConfig())
    keras = tf.keras.config
    settings = (keras.floatx(), keras.epsilon(), keras.image_data_format())
    assert settings == ("float32", 1e-7, "channels_last")


PROGRAM = """
import hashlib, os
import numpy as np
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from aeflow.configs import RuntimeConfig
from aeflow.compute.runtime import prepare
from aeflow.compute.tensorflow import tf
machine = prepare(RuntimeConfig())
draw = np.random.default_rng(0).normal
images, kernel = draw(size=(32, 28, 28, 8)), draw(size=(3, 3, 8, 16))
convolved = tf.nn.conv2d(images.astype("float32"), kernel.astype("float32"), 2, "SAME")
print(machine.threads, hashlib.sha256(convolved.numpy().tobytes()).hexdigest())
"""


def output_of(**environment: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.split()


@pytest.fixture(scope="module")
def plain() -> list[str]:
    return output_of()


@pytest.fixture(scope="module")
def other_settings() -> list[str]:
    return output_of(
        TF_NUM_INTRAOP_THREADS="3",
        OMP_NUM_THREADS="7",
        ONEDNN_DEFAULT_FPMATH_MODE="BF16",
        TF_SET_ONEDNN_FPMATH_MODE="BF16",
    )


def test_threads_are_the_cores_that_this_process_may_use(plain):
    assert plain[0] == "1"


def test_threads_are_those_that_tensorflow_reads_from_the_environment(other_settings):
    assert other_settings[0] == "3"


def test_convolutions_multiply_in_float32_whatever_the_environment_allows(plain, other_settings):
    assert other_settings[1] == plain[1]

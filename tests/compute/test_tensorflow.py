"""A user's Keras settings have no effect, and an unfit Keras that is loaded is reported."""

import json
import os
import subprocess
import sys

import pytest

OTHER = {"KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
SAY = (
    "from aeflow.compute.tensorflow import tf; "
    "print(tf.keras.backend.backend(), tf.keras.__version__[0])"
)


def run_of(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("package", ["aeflow.stages.training", "aeflow.stages.evaluation.metrics"])
def test_packages_have_keras_on_tensorflow_and_leave_the_settings_to_others(package):
    program = f"import os, {package}; {SAY}; print(os.environ['KERAS_BACKEND'])"
    run = run_of(program, **OTHER)
    assert run.stdout.split() == ["tensorflow", "3", "jax"], run.stderr


def test_keras_on_another_backend_is_one_line_with_the_remedy():
    run = run_of("import tensorflow, aeflow.models", **OTHER | {"TF_USE_LEGACY_KERAS": "0"})
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "aeflow.errors.ConfigError: This process has a Keras that did not start, but aeflow needs "
        "Keras 3 on tensorflow. Import aeflow before Keras and TensorFlow, or use it in a separate "
        "process."
    )


def test_settings_that_keras_refuses_are_one_line_with_the_remedy(tmp_path):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps({"floatx": "float9"}), "utf-8")
    run = run_of("import aeflow.models", HOME=str(tmp_path))
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "aeflow.errors.ConfigError: Keras refuses a value in its file keras.json. "
        "Correct or delete the file, which is in the folder KERAS_HOME if that variable is set, "
        "and in ~/.keras otherwise."
    )

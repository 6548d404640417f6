"""What manifests say of the machine."""

import pytest

from aeflow.configs import RuntimeConfig
from aeflow.runtime import cpu_name, prepare


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
def test_processors_of_one_name_are_told_apart_by_their_vector_instructions(tmp_path, facts, name):
    file = tmp_path / "cpuinfo"
    file.write_text(facts, "utf-8")
    assert cpu_name(file) == name


def test_processor_has_a_name_where_no_file_tells_of_it(tmp_path):
    assert cpu_name(tmp_path / "absent")


def test_manifests_name_the_processor():
    assert prepare(RuntimeConfig())["cpu"] == cpu_name()

"""A config written as TOML is the same config when it is read."""

from typing import get_args

import pytest

from aeflow.configs import (
    DenoisingOptions,
    IngestConfig,
    ModelConfig,
    PipelineConfig,
    RuntimeConfig,
    TrainConfig,
)
from aeflow.configs.loading import load_config
from aeflow.configs.model import KindOptions, NetworkOptions
from aeflow.configs.writing import to_toml

NETWORKS, KINDS = (get_args(get_args(options)[0]) for options in (NetworkOptions, KindOptions))


def read_back(config: PipelineConfig, tmp_path) -> PipelineConfig:
    (tmp_path / "written.toml").write_text(to_toml(config), "utf-8")
    return load_config(path=tmp_path / "written.toml")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("kind", KINDS)
def test_written_config_is_read_back(network, kind, tmp_path):
    config = PipelineConfig(model=ModelConfig(network=network(), kind=kind()))
    assert read_back(config, tmp_path) == config


def test_what_differs_in_other_sections_is_written_too(tmp_path):
    config = PipelineConfig(
        ingest=IngestConfig(source='parquet:a "b"\\c\n.parquet', columns=("é", "b")),
        model=ModelConfig(kind=DenoisingOptions(noise_stddev=1e-7)),
        train=TrainConfig(clip_norm=0.5, learning_rate=3e-05),
        runtime=RuntimeConfig(threads=2, xla=False),
    )
    assert read_back(config, tmp_path) == config


def test_defaults_of_training_are_written_and_those_of_publishing_not():
    written = to_toml(PipelineConfig())
    assert "batch_size = 128" in written
    assert "[publish]" not in written

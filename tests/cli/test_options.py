"""Options of the command line end in the config's fields."""

from dataclasses import fields

from aeflow.configs import (
    DenoisingOptions,
    DenseOptions,
    EvaluateConfig,
    IngestConfig,
    ModelConfig,
    PipelineConfig,
    RuntimeConfig,
    TrainConfig,
)
from aeflow.datasets.sources import OPTIONS
from flows.cli.options import (
    DEFAULTS,
    EvaluateOptions,
    ModelOptions,
    Options,
    SourceOptions,
    TrainOptions,
    config_of,
    undated_config_of,
)


def test_every_option_reaches_its_field():
    config = config_of(
        Options(deadline=9.0),
        SourceOptions(source="tfds:x", max_bad_fraction=0.5, data_dir="d", manual_dir="m"),
        ModelOptions(network="dense", kind="denoising", latent_dim=3, hidden_units=5),
        TrainOptions(epochs=7, batch_size=11, learning_rate=0.5, seed=13),
        EvaluateOptions(ood_source="digits"),
    )
    assert config == PipelineConfig(
        ingest=IngestConfig(source="tfds:x", max_bad_fraction=0.5, data_dir="d", manual_dir="m"),
        model=ModelConfig(
            network=DenseOptions(hidden_units=5), kind=DenoisingOptions(), latent_dim=3
        ),
        train=TrainConfig(epochs=7, batch_size=11, learning_rate=0.5, seed=13),
        evaluate=EvaluateConfig(ood_source="digits"),
        runtime=RuntimeConfig(deadline_seconds=9.0),
    )


def test_every_option_of_a_source_is_an_option_of_the_commands():
    assert {*OPTIONS} <= {field.name for field in fields(SourceOptions)}
    options = {"columns": "a,b", "label_column": "c"}
    ingest = undated_config_of(DEFAULTS, SourceOptions(source="csv:x.csv", **options)).ingest
    assert (ingest.columns, ingest.label_column) == (("a", "b"), "c")


def test_flag_wins_over_file_and_file_over_preset(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[train]\nepochs = 4\nbatch_size = 32\n")
    config = config_of(Options(preset="quick", config=str(file)), TrainOptions(epochs=5))
    assert (config.train.epochs, config.train.batch_size, config.model.latent_dim) == (5, 32, 8)


def test_no_options_are_the_defaults():
    assert config_of(DEFAULTS) == config_of(DEFAULTS, SourceOptions(), TrainOptions())
    assert config_of(DEFAULTS).train.epochs == 10

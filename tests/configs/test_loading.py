"""A preset, a TOML file and flags: later ones win, and errors are one line."""

import json
from typing import Any, get_args

import pytest

from aeflow.configs import ConvolutionalOptions, DenoisingOptions, DenseOptions, PipelineConfig
from aeflow.configs.loading import CHOICES, load_config, presets
from aeflow.configs.model import KindOptions, NetworkOptions
from aeflow.errors import ConfigError


@pytest.fixture
def toml(tmp_path):
    """Writes a config file and returns its path."""

    def write(text: str):
        path = tmp_path / "config.toml"
        path.write_text(text)
        return path

    return write


def as_toml(sections: dict[str, Any], parents: str = "") -> str:
    """Writes sections of plain values as TOML; its strings, numbers and lists equal JSON's."""
    lines, below = [], []
    for name, value in sections.items():
        if isinstance(value, dict):
            address = f"{parents}{name}"
            below.append(f"[{address}]\n{as_toml(value, f'{address}.')}")
        elif value is not None:
            lines.append(f"{name} = {json.dumps(value)}\n")
    return "".join(lines + below)


def test_without_options_the_config_is_the_default():
    assert load_config() == PipelineConfig()


def test_flags_win_over_the_file_and_the_file_over_the_preset(toml):
    config = load_config(
        preset="post",
        path=toml("[train]\nepochs = 5\nbatch_size = 6\n"),
        flags={"train.batch_size": 7, "ingest.source": "digits"},
    )
    assert (config.train.epochs, config.train.batch_size, config.model.latent_dim) == (5, 7, 64)
    assert config.ingest.source == "digits"
    assert config.train.schedule == "constant"


def test_post_is_the_model_of_the_2019_post():
    config = load_config(preset="post")
    assert config.model.network == DenseOptions(
        hidden_units=64, latent_activation="sigmoid", output_activation="sigmoid"
    )
    assert (config.model.latent_dim, config.train.batch_size, config.train.epochs) == (64, 128, 10)
    assert (config.train.optimizer, config.ingest.source) == ("adam", "mnist")


@pytest.mark.parametrize("preset", presets())
def test_preset_survives_being_written_as_toml(preset, toml):
    config = load_config(preset=preset)
    assert load_config(path=toml(as_toml(config.model_dump(mode="json")))) == config


def test_another_network_drops_the_options_of_the_old_one():
    config = load_config(preset="post", flags={"model.network.name": "convolutional"})
    assert config.model.network == ConvolutionalOptions()
    assert config.model.latent_dim == 64


def test_the_same_network_keeps_its_options():
    config = load_config(preset="post", flags={"model.network.name": "dense"})
    assert config.model.network == load_config(preset="post").model.network


def test_another_network_drops_options_of_the_default_one_too(toml):
    path = toml("[model.network]\nhidden_units = 5\n")
    assert load_config(path=path).model.network == DenseOptions(hidden_units=5)
    config = load_config(path=path, flags={"model.network.name": "convolutional"})
    assert config.model.network == ConvolutionalOptions()


def test_options_go_to_the_network_chosen_before(toml):
    path = toml('[model.network]\nname = "convolutional"\n')
    config = load_config(path=path, flags={"model.network.kernel_size": 5})
    assert config.model.network == ConvolutionalOptions(kernel_size=5)


@pytest.mark.parametrize("reverse", [False, True])
def test_flags_may_come_in_any_order(reverse):
    flags = {"model.kind.name": "denoising", "model.kind.noise_stddev": 0.5}
    ordered = dict(reversed(flags.items())) if reverse else flags
    assert load_config(flags=ordered).model.kind == DenoisingOptions(noise_stddev=0.5)


def test_naming_the_dataset_keeps_the_other_options(toml):
    path = toml('[ingest]\nname = "a"\nsource = "idx:there"\nseed = 3\n')
    config = load_config(path=path, flags={"ingest.name": "b"})
    assert (config.ingest.name, config.ingest.source, config.ingest.seed) == ("b", "idx:there", 3)


def test_choices_are_named_as_their_defaults_are():
    model = PipelineConfig().model
    assert {"network": model.network.name, "kind": model.kind.name} == CHOICES


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            {"model.network.name": "resnet"},
            "Unknown network 'resnet'. Choose one of: {networks}.",
        ),
        ({"model.kind.name": "vqvea"}, "Unknown kind 'vqvea'. Choose one of: {kinds}."),
        ({"train.epoch": 3}, "Unknown option 'epoch' in train. Did you mean 'epochs'?"),
        ({"trian.epochs": 3}, "Unknown option 'trian' in the config. Did you mean 'train'?"),
        (
            {"model.network.hidden_unit": 3},
            "Unknown option 'hidden_unit' in model.network.dense. Did you mean 'hidden_units'?",
        ),
        (
            {"model.kind.xyz": 3},
            "Unknown option 'xyz' in model.kind.plain. Choose one of: name.",
        ),
        (
            {"publish.xyz": 3},
            "Unknown option 'xyz' in publish. Choose one of: projector_rows.",
        ),
        (
            {"train.epochs": 0},
            "train.epochs = 0 is not allowed: Input should be greater than or equal to 1.",
        ),
        (
            {"model.network.hidden_units": 0},
            "model.network.hidden_units = 0 is not allowed: "
            "Input should be greater than or equal to 1.",
        ),
        (
            {"model.kind.name": "variational", "model.kind.beta": -1},
            "model.kind.beta = -1 is not allowed: Input should be greater than or equal to 0.",
        ),
        (
            {"train.optimizer": "sgd"},
            "train.optimizer = 'sgd' is not allowed: Input should be 'adam', 'adamw' or 'muon'.",
        ),
        (
            {"train.learning_rate": float("nan")},
            "train.learning_rate = nan is not allowed: Input should be less than or equal to 10.",
        ),
        (
            {"model.latent_dim": "many"},
            "model.latent_dim = 'many' is not allowed: Input should be a valid integer, "
            "unable to parse string as an integer.",
        ),
        (
            {"ingest.name": "../x"},
            "ingest.name = '../x' is not allowed: "
            "String should match pattern '^[A-Za-z0-9][A-Za-z0-9_.-]{{0,63}}$'.",
        ),
        (
            {"retrain.fresh": "soon"},
            "retrain.fresh = 'soon' is not allowed: "
            "String should match pattern '^[1-9]\\d{{0,3}}[hd]$'.",
        ),
        (
            {"train": 3},
            "train = 3 is not allowed: train is a section, not a value. Set its options instead.",
        ),
        (
            {"model.network": "dense"},
            "model.network = 'dense' is not allowed: model.network is a section, not a value. "
            "Set its options instead.",
        ),
    ],
)
def test_mistake_is_reported_in_one_line(flags, message):
    names = {
        choice: ", ".join(o.model_fields["name"].default for o in get_args(get_args(options)[0]))
        for choice, options in (("networks", NetworkOptions), ("kinds", KindOptions))
    }
    with pytest.raises(ConfigError) as caught:
        load_config(flags=flags)
    assert str(caught.value) == message.format(**names)


def test_options_of_another_network_are_refused():
    with pytest.raises(ConfigError) as caught:
        load_config(flags={"model.network.name": "convolutional", "model.network.hidden_units": 5})
    assert str(caught.value) == (
        "Unknown option 'hidden_units' in model.network.convolutional. "
        "Choose one of: name, filters, kernel_size, stride, output_activation."
    )


def test_unknown_preset_is_refused():
    with pytest.raises(ConfigError) as caught:
        load_config(preset="slow")
    assert str(caught.value) == f"Unknown preset 'slow'. Choose one of: {', '.join(presets())}."


def test_config_file_that_is_missing_a_folder_or_no_toml_is_refused(tmp_path, toml):
    missing = tmp_path / "missing.toml"
    for path, reason in ((missing, "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError) as caught:
            load_config(path=path)
        assert str(caught.value) == (
            f"Cannot read the config file '{path}': {reason}. Give a TOML file that can be read."
        )
    with pytest.raises(ConfigError) as caught:
        load_config(path=toml("train = "))
    assert str(caught.value) == (
        f"The config file '{tmp_path / 'config.toml'}' is not TOML: "
        "Invalid value (at end of document). Correct it, or begin with the output of "
        "`aeflow config`."
    )

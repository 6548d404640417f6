"""What all configs share, and which of their fields change a key."""

import tomllib
from datetime import timedelta
from importlib import resources
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import annotated_types
import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from aeflow.configs import (
    ConvolutionalOptions,
    DenoisingOptions,
    DenseOptions,
    IngestConfig,
    ModelConfig,
    PipelineConfig,
    RetrainConfig,
    RuntimeConfig,
    TrainConfig,
    loading,
)
from aeflow.configs.config import NOT_HASHED, Config
from aeflow.configs.retrain import age_limit
from aeflow.lineage import Question, digest_of


def all_configs() -> list[type[Config]]:
    configs, waiting = [], [Config]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        configs += subclasses
        waiting += subclasses
    return [config for config in configs if config.__module__.startswith("aeflow.configs.")]


FIELDS = [
    pytest.param(config, name, field, id=f"{config.__name__}.{name}")
    for config in all_configs()
    for name, field in config.model_fields.items()
]


def other_value(field: FieldInfo) -> Any:
    """Returns a value of the field's type that is not its default."""
    if field.examples:
        return field.examples[0]
    if get_origin(field.annotation) is Literal:
        return next(choice for choice in get_args(field.annotation) if choice != field.default)
    match field.default:
        case bool(default):
            return not default
        case tuple(default):
            return default[:1]
        case int(default):
            return default + 1
        case float(default):
            return default / 2 or 0.5
    return "other" if str in (field.annotation, *get_args(field.annotation)) else 1


def bounds(field: FieldInfo) -> tuple[bool, bool]:
    """Returns whether the field's numbers are bounded from below, and from above."""
    limits = [*field.metadata, *limits_within(field.annotation)]
    below = any(isinstance(limit, annotated_types.Ge | annotated_types.Gt) for limit in limits)
    above = any(isinstance(limit, annotated_types.Le | annotated_types.Lt) for limit in limits)
    return below, above


def limits_within(annotation: Any) -> list[Any]:
    """Returns the limits of the types within a container or a union."""
    own = annotation.__metadata__ if get_origin(annotation) is Annotated else ()
    fields = [limit for entry in own if isinstance(entry, FieldInfo) for limit in entry.metadata]
    return fields + [limit for part in get_args(annotation) for limit in limits_within(part)]


def is_number(annotation: Any) -> bool:
    if annotation in (int, float):
        return True
    if get_origin(annotation) in (UnionType, tuple, Annotated):
        return any(is_number(part) for part in get_args(annotation))
    return False


@pytest.mark.parametrize(("config", "name", "field"), FIELDS)
def test_field_has_a_description_of_one_line(config, name, field):
    assert field.description, f"{config.__name__}.{name} has no description"
    assert "\n" not in field.description
    assert field.description.endswith(".")
    assert len(field.description) <= 100


@pytest.mark.parametrize(("config", "name", "field"), FIELDS)
def test_number_is_bounded_on_both_sides(config, name, field):
    if is_number(field.annotation):
        assert bounds(field) == (True, True), f"{config.__name__}.{name}"


def test_every_field_has_a_default():
    for config in all_configs():
        assert config() == config.model_validate({})


def test_config_is_frozen_and_closed():
    with pytest.raises(ValidationError, match="frozen"):
        setattr(TrainConfig(), "epochs", 3)  # noqa: B010
    with pytest.raises(ValidationError, match="Extra inputs"):
        TrainConfig.model_validate({"epoch": 3})


@pytest.mark.parametrize("config", all_configs())
def test_defaults_are_left_out_of_the_hash(config):
    names = {"name": config().name} if "name" in config().hashed() else {}  # a member of a choice
    assert config().hashed() == names


@pytest.mark.parametrize(("config", "name", "field"), FIELDS)
def test_what_changes_the_answer_is_hashed_and_nothing_else(config, name, field):
    if isinstance(field.default, Config) or (
        get_origin(field.annotation) is Literal and name == "name"
    ):
        return  # sections and names of members: tested below
    changed = config.model_validate({name: other_value(field)})
    counts = config is not RuntimeConfig and field.json_schema_extra != NOT_HASHED
    assert (changed.hashed() != config().hashed()) is counts


def test_fields_that_say_where_things_are_or_how_long_do_not_count():
    unhashed = {
        f"{config.__name__}.{name}"
        for config in all_configs()
        for name, field in config.model_fields.items()
        if field.json_schema_extra == NOT_HASHED
    }
    assert unhashed == {
        *(f"IngestConfig.{name}" for name in ("source", "name", "data_dir", "manual_dir")),
        *(f"DatasetOptions.{name}" for name in ("source", "name")),
        *(f"TfdsOptions.{name}" for name in ("data_dir", "manual_dir")),
        *(f"TuneConfig.{name}" for name in ("trials", "timeout_seconds")),
        "EvaluateConfig.ood_source",
        "DriftConfig.then",
    }
    moved = IngestConfig(source="idx:there", name="x", data_dir="a", manual_dir="b")
    assert moved.hashed() == {}


def test_runtime_is_never_hashed():
    runtime = RuntimeConfig(device="gpu", threads=3, encode_batch_size=7)
    assert runtime.hashed() == {}
    assert PipelineConfig(runtime=runtime).hashed() == {}


@pytest.mark.parametrize(("fresh", "hours"), [("26h", 26), ("2d", 48), ("9999h", 9999)])
def test_features_may_be_hours_or_days_old(fresh, hours):
    assert age_limit(RetrainConfig(fresh=fresh).fresh or "") == timedelta(hours=hours)


@pytest.mark.parametrize("fresh", ["", "26", "26 h", "0h", "2w", "-1d", "1.5h", "26H", "10000h"])
def test_other_ages_are_refused(fresh):
    with pytest.raises(ValidationError, match="fresh"):
        RetrainConfig(fresh=fresh)


def test_section_without_hashed_changes_is_not_hashed():
    assert PipelineConfig(ingest=IngestConfig(source="mnist")).hashed() == {}


@pytest.mark.parametrize(
    ("model", "hashed"),
    [
        (ModelConfig(), {}),
        (ModelConfig(latent_dim=8), {"latent_dim": 8}),
        (ModelConfig(kind=DenoisingOptions()), {"kind": {"name": "denoising"}}),
        (
            ModelConfig(network=DenseOptions(hidden_units=64)),
            {"network": {"name": "dense", "hidden_units": 64}},
        ),
        (
            ModelConfig(network=ConvolutionalOptions(filters=(8,))),
            {"network": {"name": "convolutional", "filters": [8]}},
        ),
    ],
)
def test_model_is_hashed_by_its_names_and_what_differs(model, hashed):
    assert model.hashed() == hashed
    assert digest_of(model.hashed())  # it is JSON


def test_numbers_written_differently_are_one_question():
    keys = {
        Question(stage="train", version=1, folder="models", configs=config.hashed(), inputs={}).key
        for config in (
            TrainConfig.model_validate({"learning_rate": 1}),
            TrainConfig.model_validate({"learning_rate": 1.0}),
            TrainConfig.model_validate({"learning_rate": "1e0"}),
        )
    }
    assert len(keys) == 1


def test_presets_differ_from_the_defaults():
    for name in loading.presets():
        text = (resources.files("aeflow") / "presets" / f"{name}.toml").read_text("utf-8")
        loaded = loading.load_config(preset=name)
        assert loaded != PipelineConfig()
        for section in tomllib.loads(text):
            assert section in PipelineConfig.model_fields


def test_form_keeps_the_order_and_shows_the_bounds():
    fields = TrainConfig.model_json_schema()["properties"]
    assert [field["position"] for field in fields.values()] == list(range(len(fields)))
    assert [fields[name]["description"] for name in ("epochs", "warmup_fraction")] == [
        "Passes over the training split. At least 1, at most 100,000.",
        "Share of all steps in which the learning rate rises to its peak. At least 0, less than 1.",
    ]
    optional = RuntimeConfig.model_json_schema()["properties"]["deadline_seconds"]
    assert optional["description"].endswith("More than 0, at most 31,536,000.")


def test_sections_and_choices_of_the_form_have_names_of_one_word():
    titles = [config.model_json_schema()["title"] for config in all_configs()]
    assert {"Model", "Train", "Dense", "Denoising"} <= set(titles)
    assert [title for title in titles if title.endswith(("Config", "Options"))] == []

"""The options of the commands. The help of an option is the description of its config field."""

from dataclasses import asdict, dataclass, make_dataclass
from datetime import UTC, datetime
from functools import reduce
from typing import Annotated, Any, get_args

from cyclopts import Parameter
from pydantic.fields import FieldInfo

from aeflow.configs import IngestConfig, PipelineConfig
from aeflow.configs.config import members_of
from aeflow.configs.ingest import ImageOptions, TableOptions, TfdsOptions
from aeflow.configs.loading import load_config, presets
from aeflow.datasets.dating import dated
from aeflow.datasets.sources import check_source
from flows.recipes.stored import absolute

__all__ = [
    "ANY_ENCODING",
    "ANY_EVALUATION",
    "ANY_MODEL",
    "ANY_SOURCE",
    "ANY_TRAINING",
    "ANY_TUNING",
    "DEFAULTS",
    "EncodeOptions",
    "EvaluateOptions",
    "JsonOption",
    "ModelOptions",
    "Options",
    "SourceOptions",
    "StoreOption",
    "TrainOptions",
    "TuneOptions",
    "config_of",
    "unchecked_config_of",
    "undated_config_of",
]

OF_SOURCES = (
    "source",
    *TableOptions.model_fields,
    *ImageOptions.model_fields,
    "max_bad_fraction",
    *TfdsOptions.model_fields,
)
"""The fields of `IngestConfig` that are options."""

FIELDS = {
    **{name: f"ingest.{name}" for name in OF_SOURCES},
    "network": "model.network.name",
    "hidden_units": "model.network.hidden_units",
    "kind": "model.kind.name",
    "latent_dim": "model.latent_dim",
    "epochs": "train.epochs",
    "batch_size": "train.batch_size",
    "learning_rate": "train.learning_rate",
    "seed": "train.seed",
    "trials": "tune.trials",
    "timeout": "tune.timeout_seconds",
    "ood_source": "evaluate.ood_source",
    "layout": "encode.layout",
    "partition_by_label": "encode.partition_by_label",
    "format": "encode.format",
    "error": "encode.reconstruction_error",
    "precision": "encode.precision",
    "deadline": "runtime.deadline_seconds",
    "dask": "runtime.dask",
}
"""Maps each option to the config field that it sets. A network comes before its own options."""


def _option(name: str) -> Parameter:
    """Returns an option with the description of its field as help.

    A flag that is off by default has no negative form.
    """
    field = _field(FIELDS[name])
    default = getattr(field.default, "name", field.default)
    default_text = "" if default is None else f" [default: {default}]"
    negative = "" if default is False else None
    return Parameter(help=f"{field.description}{_choices(field)}{default_text}", negative=negative)


def _field(path: str) -> FieldInfo:
    """Returns the field at a path. The path of a choice between configs ends in `name`."""
    *parents, last = path.removesuffix(".name").split(".")
    section = reduce(getattr, parents, PipelineConfig())
    return type(section).model_fields[last]


def _choices(field: FieldInfo) -> str:
    """Returns a sentence that lists the members of a choice between configs, or an empty text."""
    names = [member.model_fields["name"].default for member in members_of(field)]
    return f" One of: {', '.join(names)}." if names else ""


def _type(name: str) -> Any:
    """Returns the type of an option, which is text if it is neither a number nor a flag."""
    annotation = _field(FIELDS[name]).annotation
    types = (annotation, *get_args(annotation))
    return next((kind for kind in (bool, int, float) if kind in types), str) | None


def _with(*names: str) -> type:
    """Returns a dataclass with these options. Each of them may be left out."""
    fields = [(name, Annotated[_type(name), _option(name)], None) for name in names]
    return make_dataclass("_Options", fields, frozen=True, kw_only=True)


StoreOption = Annotated[
    str, Parameter(env_var="AEFLOW_STORE", help="Folder or URL of the artifact store.")
]

JsonOption = Annotated[
    bool, Parameter(negative="", help="End with one line of JSON on standard output.")
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of all commands that run stages."""

    store: StoreOption = "./aeflow-store"
    config: Annotated[
        str | None,
        Parameter(help="TOML file with a section for each stage; `aeflow config` prints one."),
    ] = None
    preset: Annotated[
        str | None, Parameter(help=f"Config from the package: {', '.join(presets())}.")
    ] = None
    deadline: Annotated[float | None, _option("deadline")] = None
    dask: Annotated[str | None, _option("dask")] = None
    direct: Annotated[
        bool, Parameter(negative="", help="Run in this process, without Prefect.")
    ] = False
    json: JsonOption = False

    @property
    def url(self) -> str:
        """The URL of the store, which is valid from every folder of this machine."""
        return absolute(self.store)


@Parameter(name="*")
class SourceOptions(_with(*OF_SOURCES)):
    """The options of the source."""


@Parameter(name="*")
class ModelOptions(_with("network", "kind", "latent_dim", "hidden_units")):
    """The options of the model."""


@Parameter(name="*")
class TrainOptions(_with("epochs", "batch_size", "learning_rate", "seed")):
    """The options of training."""


@Parameter(name="*")
class TuneOptions(_with("trials", "timeout")):
    """The limits of a search for better options."""


@Parameter(name="*")
class EvaluateOptions(_with("ood_source")):
    """The options of the evaluation."""


@Parameter(name="*")
class EncodeOptions(_with("layout", "partition_by_label", "format", "error", "precision")):
    """The options of the features and their files."""


ANY_SOURCE, ANY_MODEL, ANY_TRAINING, ANY_TUNING, ANY_EVALUATION, ANY_ENCODING, DEFAULTS = (
    SourceOptions(),
    ModelOptions(),
    TrainOptions(),
    TuneOptions(),
    EvaluateOptions(),
    EncodeOptions(),
    Options(),
)
Group = SourceOptions | ModelOptions | TrainOptions | TuneOptions | EvaluateOptions | EncodeOptions


def config_of(options: Options, *others: Group) -> PipelineConfig:
    """Returns the config of a command, which is made from a preset, a TOML file and the options.

    The TOML file overrides the preset, and the options override both. A {date} in the source
    becomes today's date in UTC. A wrong source raises an error here, before a server is started.
    """
    config = unchecked_config_of(options, *others)
    if any(isinstance(group, SourceOptions) for group in others):
        check_source(config.ingest)
    if config.evaluate.ood_source and any(isinstance(group, EvaluateOptions) for group in others):
        source, folder = config.evaluate.ood_source, config.ingest.data_dir
        check_source(IngestConfig(source=source, data_dir=folder))
    return config


def unchecked_config_of(options: Options, *others: Group) -> PipelineConfig:
    """Returns the config of a command without looking at its sources."""
    config = undated_config_of(options, *others)
    return config.model_copy(update={"ingest": dated(config.ingest, datetime.now(UTC).date())})


def undated_config_of(options: Options, *others: Group) -> PipelineConfig:
    """Returns the config of a command, with any {date} in the source left as it is."""
    values: dict[str, Any] = {}
    for group in (options, *others):
        values |= {name: value for name, value in asdict(group).items() if value is not None}
    flags = {address: values[name] for name, address in FIELDS.items() if name in values}
    return load_config(preset=options.preset, path=options.config, flags=flags)

"""The design's rules about imports, checked for every file."""

import ast
import subprocess
import sys
from typing import get_args

import pytest

from aeflow.configs.ingest import FORMS, IngestConfig
from aeflow.configs.model import KindOptions, NetworkOptions
from tests.source_code import ROOT, dotted, is_module, modules

LAYERS = (
    "flows.cli",
    "flows.*",
    "flows.tasks",
    "flows.recipes.here, flows.stage_task",
    "flows.recipes, flows.server, flows.pages, flows.spreading, flows.settings, flows",
    "aeflow",
    "aeflow.stages.ingestion | aeflow.stages.training | aeflow.stages.evaluation | "
    "aeflow.stages.encoding | aeflow.stages.publishing | aeflow.stages.comparison | "
    "aeflow.stages.gating | aeflow.registry, aeflow.features.listing | aeflow.tuning",
    "aeflow.stages",
    "aeflow.datasets | aeflow.models | aeflow.features | aeflow.pictures | "
    "aeflow.compute.runtime, aeflow.compute.cluster",
    "aeflow.storage",
    "aeflow.artifacts",
    "aeflow.lineage",
    "aeflow.configs",
    "aeflow.compute.tensorflow",
    "aeflow.compute, aeflow.schema, aeflow.progress, aeflow.errors, aeflow.measures",
)
"""From top to bottom. Modules joined by `|` never import each other, those with a comma may."""

PLACES = {
    name.strip(): (layer, group)
    for layer, line in enumerate(LAYERS)
    for group, names in enumerate(line.split("|"))
    for name in names.split(",")
}
ONLY_IN = {
    "prefect": ("flows/", "deployments/", "infra/check/"),
    "obstore": ("aeflow/storage/",),
    "tensorflow_datasets": ("aeflow/datasets/tfds.py",),
    "flows": ("flows/", "deployments/"),
}
CHOOSES = "aeflow.compute.tensorflow"
PICKLED = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
OURS = modules("aeflow", "flows", "deployments", "infra")


def place_of(name: str) -> tuple[int, int]:
    """Returns the layer of a module, counted from the top, and its group within the layer."""
    parts = name.split(".")
    starts = (".".join(parts[:length]) for length in range(len(parts), 1, -1))
    if name in PLACES:
        return PLACES[name]
    start = next((start for start in starts if start in PLACES), None)
    if start is None and parts[0] == "flows":
        start = "flows.*"
    assert start is not None, f"{name} has no place in the layers: add it there, and to the design"
    return PLACES[start]


def is_upward(importer: str, imported: str) -> bool:
    (from_layer, from_group), (to_layer, to_group) = place_of(importer), place_of(imported)
    return to_layer < from_layer or (to_layer == from_layer and to_group != from_group)


def graph() -> dict[str, set[str]]:
    return {
        module.name: {name for name in module.imports() if is_module(name)}
        for module in modules("aeflow", "flows")
    }


def test_every_module_has_a_place():
    for name in graph():
        place_of(name)


def test_imports_point_down():
    wrong = [
        f"{importer} imports {imported}"
        for importer, imports in graph().items()
        for imported in sorted(imports)
        if is_upward(importer, imported)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("importer", "imported", "upward"),
    [
        ("aeflow.stages.training.train", "aeflow.models.kinds", False),
        ("aeflow.models.kinds", "aeflow.stages.training", True),
        ("aeflow.stages.training", "aeflow.stages.evaluation.evaluate", True),
        ("aeflow.datasets.shards", "aeflow.models", True),
        ("aeflow.storage.store", "flows.tasks", True),
        ("aeflow.progress", "aeflow.errors", False),
        ("flows.cli.run", "flows.pipeline", False),
        ("flows.pipeline", "flows.cli", True),
        ("flows.retrain", "flows.train_autoencoder", False),
    ],
)
def test_what_points_up_is_known(importer, imported, upward):
    assert is_upward(importer, imported) is upward


def test_modules_do_not_import_each_other_in_circles():
    waiting = graph()
    while waiting:
        free = [name for name, imports in waiting.items() if not imports & set(waiting) - {name}]
        assert free, f"in a circle, or above one: {sorted(waiting)}"
        waiting = {name: imports for name, imports in waiting.items() if name not in free}


@pytest.mark.parametrize("library", ONLY_IN)
def test_library_is_imported_only_where_it_belongs(library):
    wrong = [
        f"{module.path} imports {name}"
        for module in OURS
        for name in module.imports()
        if name.partition(".")[0] == library and not module.path.startswith(ONLY_IN[library])
    ]
    assert not wrong, "\n".join(wrong)


def test_tensorflow_is_set_up_in_one_place():
    wrong = [
        f"{module.path}:{node.lineno}"
        for module in OURS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and dotted(node) in ("tf.config", "tensorflow.config")
        and module.path != "aeflow/compute/runtime.py"
    ]
    assert not wrong, "\n".join(wrong)


def test_tensorflow_is_imported_after_the_choice_of_keras():
    """The module that chooses Keras is imported first, by each package or by the file itself."""
    names = {module.name: list(module.imports()) for module in OURS}
    wrong = []
    for name, imports in names.items():
        package = name.rpartition(".")[0]
        tops = {package.rpartition(".")[0], package} if package.count(".") > 1 else {package}
        chosen = any(next(iter(names.get(top, [])), "") == CHOOSES for top in tops)
        if "tensorflow" in imports and name != CHOOSES and not (chosen or CHOOSES in imports):
            wrong.append(name)
    assert wrong == []


def test_nothing_is_unpickled():
    wrong = [
        f"{module.path} imports {name}"
        for module in OURS
        for name in module.imports()
        if name.partition(".")[0] in PICKLED
    ]
    for module in OURS:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "safe_mode"):
                allowed = node.arg == "safe_mode"
                if getattr(node.value, "value", None) is not allowed:
                    wrong.append(f"{module.path}:{node.lineno} {node.arg}")
            if isinstance(node, ast.Attribute) and node.attr in ("load_model", "model_from_json"):
                wrong.append(f"{module.path}:{node.lineno} {node.attr}")
    assert not wrong, "\n".join(wrong)


def test_nothing_is_done_at_import():
    """Only flows/__init__ may: it sets Prefect's environment before Prefect is imported."""
    wrong = [
        f"{module.path}:{node.lineno} {ast.unparse(node)}"
        for module in OURS
        for node in module.tree.body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assert [line for line in wrong if not line.startswith("flows/__init__.py")] == []


@pytest.mark.parametrize(
    "module", ["flows.cli", "aeflow.configs", "aeflow.configs.loading", "aeflow.storage"]
)
def test_light_module_loads_nothing_heavy(module):
    heavy = "{'tensorflow', 'keras', 'prefect', 'pyarrow', 'sklearn', 'matplotlib', 'numpy'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout.strip() == "[]"


def table(path: str, name: str) -> dict[str, str]:
    """Reads a table without importing its module, which may load TensorFlow."""
    module = next(module for module in OURS if module.path == path)
    return ast.literal_eval(module.assignments[name])


TABLES = {
    "NETWORKS": table("aeflow/models/networks/__init__.py", "NETWORKS"),
    "KINDS": table("aeflow/models/kinds/__init__.py", "KINDS"),
    "SOURCES": table("aeflow/datasets/sources.py", "SOURCES"),
}


@pytest.mark.parametrize(
    ("name", "options"), [("NETWORKS", NetworkOptions), ("KINDS", KindOptions)]
)
def test_table_and_options_name_the_same_choices(name, options):
    members = get_args(get_args(options)[0])
    assert list(TABLES[name]) == [member.model_fields["name"].default for member in members]


def test_every_source_has_a_form():
    assert set(TABLES["SOURCES"]) == set(FORMS)


def test_every_source_is_described():
    described = IngestConfig.model_fields["source"].description or ""
    assert [name for name in TABLES["SOURCES"] if name not in described] == []


@pytest.mark.parametrize("name", TABLES)
def test_table_leads_to_what_it_names(name):
    by_name = {module.name: module for module in OURS}
    for target in TABLES[name].values():
        module, _, attribute = target.partition(":")
        expected = {attribute} if attribute else {"Encoder", "Decoder"}
        assert expected <= by_name[module].bindings

"""The style of every file: its length, its first line, its names and its exports."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.source_code import ROOT, Function, modules

OURS = modules("aeflow", "flows", "deployments", "infra")
EVERY = (*OURS, *modules("tests"))

UNWANTED = {
    *("manager", "managers", "handler", "handlers", "processor", "processors", "service"),
    *("helper", "helpers", "util", "utils", "engine", "wrapper", "base", "common"),
    *("info", "obj", "params", "objective"),
}
PRINTING = ("flows/cli/", "infra/service.py", "infra/health.py", "infra/check/")
UNWANTED_ALONE = {"data", "info", "obj", "params"}
TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".jinja", ".txt", ".lock", ".service", ""}
SKIPPED = {
    ".git",
    ".venv",
    ".peers",
    ".aeflow",
    ".hypothesis",
    "aeflow-store",
    "dist",
    "node_modules",
    "__pycache__",
}


def words(name: str) -> set[str]:
    """Splits `one_name` and `OneName` into lower-case words."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def texts() -> Iterator[Path]:
    """Yields the repository's text files, without installed, built and generated ones."""
    waiting = [ROOT]
    while waiting:
        for path in waiting.pop().iterdir():
            if path.name in SKIPPED or path.name.endswith(("_cache", ".egg-info")):
                continue
            if path.is_dir():
                waiting.append(path)
            elif path.suffix in TEXTS:
                yield path


def test_files_are_short():
    long = {module.path: len(module.text.splitlines()) for module in EVERY}
    assert {path: lines for path, lines in long.items() if lines > 300} == {}


def test_functions_are_short():
    wrong = [
        f"{module.path}:{node.lineno} {node.name}"
        for module in EVERY
        for node in module.functions
        if (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert not wrong, "\n".join(wrong)


def test_modules_begin_with_a_line_that_says_what_they_are():
    wrong = [
        module.path
        for module in OURS
        if not (ast.get_docstring(module.tree) or "").partition("\n")[0].rstrip().endswith(".")
    ]
    assert not wrong, "\n".join(wrong)


def test_modules_have_exports():
    wrong = [module.path for module in modules("aeflow", "flows") if module.exports is None]
    assert not wrong, "\n".join(wrong)


def test_exported_names_exist():
    wrong = [
        f"{module.path} {name}"
        for module in modules("aeflow", "flows")
        for name in module.exports or ()
        if name not in module.bindings
    ]
    assert not wrong, "\n".join(wrong)


def test_public_names_are_exported():
    wrong = [
        f"{module.path}:{node.lineno} {node.name}"
        for module in modules("aeflow", "flows")
        for node in module.definitions
        if not node.name.startswith("_") and node.name not in (module.exports or ())
    ]
    assert not wrong, "\n".join(wrong)


def public_functions() -> Iterator[tuple[str, Function, bool]]:
    """Yields public functions and methods with their file, and whether they are in a class."""
    for module in modules("aeflow", "flows"):
        for node in module.definitions:
            inner = node.body if isinstance(node, ast.ClassDef) else [node]
            for function in inner:
                if isinstance(function, Function) and not node.name.startswith("_"):
                    yield module.path, function, function is not node


def test_past_three_parameters_they_are_named():
    wrong = []
    for path, function, in_class in public_functions():
        if function.name.startswith("_") and function.name != "__init__":
            continue
        is_static = any(ast.unparse(line) == "staticmethod" for line in function.decorator_list)
        positional = len(function.args.posonlyargs) + len(function.args.args)
        if positional - (in_class and not is_static) > 3:
            wrong.append(f"{path}:{function.lineno} {function.name}")
    assert not wrong, "\n".join(wrong)


def test_names_say_what_things_are():
    wrong = []
    for module in OURS:
        names = [*module.name.split("."), *(node.name for node in module.definitions)]
        names = [name for name in names if (module.name, name) != ("infra.service", "service")]
        wrong += [f"{module.path} {name}" for name in names if words(name) & UNWANTED]
        wrong += [f"{module.path} {name}" for name in names if name.lower() in UNWANTED_ALONE]
        wrong += [
            f"{module.path}:{node.lineno} {argument.arg}"
            for node in module.functions
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            if argument.arg in UNWANTED_ALONE
        ]
    assert not wrong, "\n".join(wrong)


def test_words_are_split_in_both_spellings():
    assert words("KindManager") == {"kind", "manager"}
    assert words("base_model") == {"base", "model"}
    assert words("preprocessing_PCA") == {"preprocessing", "pca"}


def test_only_commands_print():
    wrong = [
        f"{module.path}:{node.lineno}"
        for module in OURS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and not module.path.startswith(PRINTING)
    ]
    assert not wrong, "\n".join(wrong)


def test_errors_are_caught_by_name():
    """A broad except must raise again after clean-up; only `main` turns it into an exit code."""
    wrong = [
        f"{module.path}:{node.lineno}"
        for module in OURS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and not isinstance(node.body[-1], ast.Raise)
        and module.path != "flows/cli/__init__.py"
    ]
    assert not wrong, "\n".join(wrong)


def test_input_is_not_checked_by_assert():
    wrong = [
        f"{module.path}:{node.lineno}"
        for module in OURS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assert)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_text_names_a_package_index_or_a_folder_of_a_developers_machine():
    index = r"https?://[^\s\"')]*(?:pypi|pythonhosted|/simple\b)|--(?:extra-)?index-url"
    machine = r"(?<![\w.$}])/(?:work|home|root|Users)/\w"
    wrong = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in texts()
        for match in re.finditer(f"{index}|{machine}", path.read_text("utf-8", errors="replace"))
    ]
    assert not wrong, "\n".join(wrong)

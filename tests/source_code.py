"""The repository's own source code, parsed: modules, their imports, their names."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file: its path within the repository, its dotted name, its text and syntax tree."""

    path: str
    name: str
    text: str
    tree: ast.Module

    @property
    def definitions(self) -> list[Function | ast.ClassDef]:
        """The functions and classes at the top level."""
        return [node for node in self.tree.body if isinstance(node, Function | ast.ClassDef)]

    @property
    def functions(self) -> list[Function]:
        """Every function, methods and inner ones included."""
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @property
    def assignments(self) -> dict[str, ast.expr]:
        """The names assigned at the top level, with the expressions they are assigned."""
        names_to_values = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    names = [name for name in ast.walk(target) if isinstance(name, ast.Name)]
                    names_to_values |= {name.id: node.value for name in names}
        return names_to_values

    @property
    def bindings(self) -> set[str]:
        """The names bound at the top level: defined, assigned or imported."""
        names = {node.name for node in self.definitions} | set(self.assignments)
        inner = [
            node for block in self.tree.body if isinstance(block, ast.With) for node in block.body
        ]
        inner += [
            node for block in self.tree.body if isinstance(block, ast.If) for node in block.body
        ]
        tried = [node for block in inner if isinstance(block, ast.Try) for node in block.body]
        for node in (*self.tree.body, *inner, *tried):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        return names

    @property
    def exports(self) -> list[str] | None:
        """The names in `__all__`, or None if there is none."""
        exports = self.assignments.get("__all__")
        return ast.literal_eval(exports) if exports else None

    def imports(self) -> Iterator[str]:
        """Yields the dotted names of all imports in the file, including those in functions."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.path}:{node.lineno} imports relatively"
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if is_module(inner) else str(node.module)


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Parses every Python file below the folders, in order."""
    parsed_modules = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            relative = path.relative_to(ROOT)
            name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
            text = path.read_text("utf-8")
            parsed_modules.append(Module(relative.as_posix(), name, text, ast.parse(text)))
    return tuple(parsed_modules)


def dotted(node: ast.AST) -> str:
    """Returns `a.b.c` for an attribute of an attribute of a name, else only the last parts."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""

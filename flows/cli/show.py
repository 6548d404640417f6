"""`aeflow show`: an artifact's manifest, and its lineage down to the source."""

from typing import Annotated, Any

from cyclopts import Parameter
from rich.markup import escape
from rich.tree import Tree

from aeflow.lineage import Manifest
from aeflow.storage import Store
from flows.cli.listing import print_uncut
from flows.cli.options import StoreOption
from flows.recipes.stored import address_of

__all__ = ["show"]


def show(
    key: Annotated[str, Parameter(help="Key of an artifact, the start of one, or champion:NAME.")],
    *,
    store: StoreOption = "./aeflow-store",
) -> None:
    """Shows an artifact and what it was made from."""
    opened = Store(store)
    print_uncut(_lineage(opened, opened.manifest(address_of(store, key)), is_root=True))


def _lineage(store: Store, manifest: Manifest, *, is_root: bool = False) -> Tree:
    tree = Tree(f"[bold]{escape(manifest.question.address)}[/bold]")
    tree.add(f"{manifest.stage}, {manifest.created:%Y-%m-%d %H:%M:%S} UTC, {manifest.seconds:g} s")
    tree.add(f"digest {manifest.digest[:16]}")
    for name, value in _flat(manifest.artifact if is_root else {}):
        tree.add(escape(f"{name}: {value}"))
    for name, value in _flat(manifest.question.configs):
        tree.add(escape(f"{name} = {value}"))
    if is_root:
        files = tree.add(f"{len(manifest.files)} files")
        for entry in manifest.files:
            files.add(escape(f"{entry.name}  {entry.size:,} bytes  {entry.sha256[:16]}"))
    for name, source in manifest.question.inputs.items():
        origin = store.find(source.address)
        if origin:
            branch = tree.add(f"from {escape(name)}")
            branch.add(_lineage(store, origin))
        else:
            tree.add(escape(f"from {name}: {source.address} (digest {source.digest[:16]})"))
    return tree


def _flat(section: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Lists the dotted names and the values of a nested section, without keys and digests."""
    flat = []
    for name, value in section.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{name}.")
        elif name not in ("key", "digest"):
            flat.append((f"{prefix}{name}", value))
    return flat

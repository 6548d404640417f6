"""Reads committed files again and says what is wrong with them."""

from pathlib import Path

from aeflow.lineage import FileEntry, Manifest, is_as_written
from aeflow.storage.files import sha256_of

__all__ = ["MANIFEST", "problem_of", "problems_of"]

MANIFEST = "_manifest.json"


def problems_of(folder: Path, manifest: Manifest) -> list[str]:
    """Lists what is wrong with the artifact in `folder`, one sentence each; reads every byte."""
    problems = [problem_of(folder, entry) for entry in manifest.files]
    if manifest.question.key != manifest.key:
        problems.append(f"The manifest in '{folder}' does not hash to its key {manifest.key}.")
    if not folder.as_posix().endswith(f"/{manifest.question.address}"):
        problems.append(f"The manifest in '{folder}' is that of '{manifest.question.address}'.")
    if (manifest.artifact.get("key"), manifest.artifact.get("digest")) != (
        manifest.key,
        manifest.digest,
    ):
        problems.append(f"The manifest in '{folder}' names another artifact than it commits.")
    if not is_as_written((folder / MANIFEST).read_bytes(), manifest):
        problems.append(f"The manifest in '{folder}' is not what was committed.")
    known = {entry.name for entry in manifest.files} | {MANIFEST}
    present = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    problems += [
        f"The file '{folder / name}' is in no manifest."
        for name in sorted(present)
        if name not in known
    ]
    return [problem for problem in problems if problem]


def problem_of(folder: Path, entry: FileEntry) -> str | None:
    """Says what is wrong with one committed file, or None; reads it to the end."""
    path = folder / entry.name
    if not path.is_file():
        return f"The file '{path}' is missing."
    size = path.stat().st_size
    if size != entry.size:
        return f"The file '{path}' has {size} bytes, committed were {entry.size}."
    if sha256_of(path) != entry.sha256:
        return f"The file '{path}' is not what was committed: its SHA-256 differs."
    return None

"""Verification: reads committed files again and describes what is wrong with them."""

from aeflow.lineage import FileEntry, Manifest, is_as_written
from aeflow.storage.disk.files import MANIFEST
from aeflow.storage.protocol import Files
from aeflow.storage.use import USED

__all__ = ["MANIFEST", "problem_of", "problems_of"]


def problems_of(files: Files, address: str, manifest: Manifest) -> list[str]:
    """Returns one sentence for each problem of an artifact. Reads all its files from the store."""
    problems = [problem_of(files, address, entry) for entry in manifest.files]
    shown = files.shown(address)
    if manifest.question.key != manifest.key:
        problems.append(f"The manifest in '{shown}' does not hash to its key {manifest.key}.")
    if address != manifest.question.address:
        problems.append(f"The manifest in '{shown}' belongs to '{manifest.question.address}'.")
    if (manifest.artifact.get("key"), manifest.artifact.get("digest")) != (
        manifest.key,
        manifest.digest,
    ):
        problems.append(f"The manifest in '{shown}' commits one artifact and describes another.")
    if not is_as_written(files.read(f"{address}/{MANIFEST}"), manifest):
        problems.append(f"The manifest in '{shown}' is not what was committed.")
    expected_names = {entry.name for entry in manifest.files} | {MANIFEST, USED}
    problems += [
        f"The file '{files.shown(f'{address}/{name}')}' is not listed in the manifest."
        for name in files.names(address)
        if name not in expected_names
    ]
    return [problem for problem in problems if problem]


def problem_of(files: Files, address: str, entry: FileEntry) -> str | None:
    """Returns a sentence about the problem of a committed file, or None. Reads the whole file."""
    name = f"{address}/{entry.name}"
    shown, digest = files.shown(name), files.digest(name)
    if digest is None:
        return f"The file '{shown}' is missing."
    size, sha256 = digest
    if size != entry.size:
        return f"The file '{shown}' has {size} bytes, but {entry.size} were committed."
    if sha256 != entry.sha256:
        return f"The file '{shown}' is not what was committed: its SHA-256 differs."
    return None

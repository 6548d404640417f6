"""The lineage of an answer: the question that hashes to its key, and its manifest."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import metadata
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Answered",
    "FileEntry",
    "Input",
    "Manifest",
    "Question",
    "digest_of",
    "is_as_written",
    "libraries",
    "manifest_bytes",
]

KEY_LENGTH = 16
NO_CHECKSUM = "0" * 64


class Input(BaseModel):
    """Names an input of a question: its address in the store, and the digest of its content."""

    model_config = ConfigDict(frozen=True)

    address: str
    digest: str


class Question(BaseModel):
    """Asks one stage for one answer; equal questions have equal keys.

    The key depends on the digest of each input, and not on its address. A GPU may give two
    different answers to one question; both have the same address, but not the same digest.
    """

    model_config = ConfigDict(frozen=True)

    stage: str
    version: int
    folder: str
    name: str = ""
    configs: dict[str, Any]
    inputs: dict[str, Input]

    @property
    def key(self) -> str:
        """The first sixteen hexadecimal digits of the question's SHA-256."""
        hashed_fields = {
            "stage": self.stage,
            "version": self.version,
            "configs": self.configs,
            "inputs": {name: source.digest for name, source in self.inputs.items()},
        }
        return digest_of(hashed_fields)[:KEY_LENGTH]

    @property
    def address(self) -> str:
        """The answer's folder within a store."""
        return f"{self.folder}/{self.name}-{self.key}" if self.name else f"{self.folder}/{self.key}"


@dataclass(frozen=True)
class Answered:
    """Holds an answer: the artifact's fields, and what the manifest records about the run."""

    fields: Mapping[str, Any]
    recorded: Mapping[str, Any] = field(default_factory=dict)


class FileEntry(BaseModel):
    """Records one committed file: its name within the artifact, size in bytes, SHA-256 and rows.

    `rows` is None if the rows of the file were not counted.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    sha256: str
    rows: int | None = Field(default=None, exclude_if=lambda rows: rows is None)


class Manifest(BaseModel):
    """Commits an answer; an answer without a manifest does not exist.

    `checksum` is the SHA-256 of the manifest's file, with zeros in place of the checksum itself.
    """

    model_config = ConfigDict(frozen=True)

    format: int = 1
    stage: str
    key: str
    digest: str
    question: Question
    artifact: dict[str, Any]
    files: tuple[FileEntry, ...]
    runtime: dict[str, Any]
    libraries: dict[str, str]
    created: datetime
    seconds: float
    checksum: str = NO_CHECKSUM


def manifest_bytes(manifest: Manifest) -> bytes:
    """Returns the bytes of a manifest's file, including its checksum."""
    unsigned = manifest.model_copy(update={"checksum": NO_CHECKSUM})
    text = json.dumps(unsigned.model_dump(mode="json"), indent=2) + "\n"
    before, _, after = text.rpartition(NO_CHECKSUM)  # the checksum is the last field
    return f"{before}{hashlib.sha256(text.encode()).hexdigest()}{after}".encode()


def is_as_written(content: bytes, manifest: Manifest) -> bool:
    """Returns whether the content of a manifest's file has the bytes that were written.

    Spaces and tabs at the end of the file are ignored, because earlier versions of aeflow appended
    some on S3 to renew the file's time of change.
    """
    stripped = content.rstrip(b" \t")
    before, checksum, after = stripped.rpartition(manifest.checksum.encode())
    unsigned = before + NO_CHECKSUM.encode() + after
    return bool(checksum) and hashlib.sha256(unsigned).hexdigest() == manifest.checksum


def digest_of(content: Any) -> str:
    """Returns the SHA-256 of `content` as canonical JSON, in hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def libraries() -> dict[str, str]:
    """Returns the versions of Python and of libraries, and the platform, by name.

    An answer may depend on each of them.
    """
    names = ("aeflow", "tensorflow", "keras", "numpy", "pyarrow", "scikit-learn", "prefect")
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # a worker may run without Prefect
            continue
    return {"python": platform.python_version(), **versions, "platform": platform.platform()}

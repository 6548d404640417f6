"""The lineage of an answer: its question and its manifest.

An answer is the stored result of a stage. Its question is what the stage was asked to compute: the
name and version of the stage, the configs and the inputs. The key of the answer is a hash of the
question.
"""

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
    """Names an input of a stage: the address of an artifact or source, and the content's digest."""

    model_config = ConfigDict(frozen=True)

    address: str
    digest: str


class Question(BaseModel):
    """Describes what a stage is asked to compute: the stage's version, configs and inputs.

    Equal questions have equal keys. The key depends on the digest of each input, and not on the
    address of the input. A GPU may compute two different answers to one question. Both answers then
    have the same address, but different digests.
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
        """The first 16 hex digits of the SHA-256 of stage, version, configs and input digests."""
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
    """Holds the result of a stage's function.

    `fields` are the fields of the artifact. The manifest keeps `recorded`, such as the machine.
    """

    fields: Mapping[str, Any]
    recorded: Mapping[str, Any] = field(default_factory=dict)


class FileEntry(BaseModel):
    """Records one committed file: its name within the artifact, size, SHA-256 and row count.

    `size` is in bytes. `rows` is None if the rows of the file were not counted.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    sha256: str
    rows: int | None = Field(default=None, exclude_if=lambda rows: rows is None)


class Manifest(BaseModel):
    """Describes a committed answer. Files without a manifest are not an answer.

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
    """Returns whether the content of a manifest's file is unchanged since it was written.

    Spaces and tabs at the end of the file are ignored. Earlier versions of aeflow appended these
    characters on S3, to renew the modification time of the file.
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
    """Returns the platform and the versions of Python and of libraries, by name.

    The answer of a stage may depend on each of these.
    """
    names = ("aeflow", "tensorflow", "keras", "numpy", "pyarrow", "scikit-learn", "prefect")
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # a worker may run without Prefect
            continue
    return {"python": platform.python_version(), **versions, "platform": platform.platform()}

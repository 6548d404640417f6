"""Source files in object stores, listed once and then read by byte ranges."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from aeflow.storage.bucket.remote import Remote, checked_url, is_remote

__all__ = ["RemoteFile", "is_remote", "remote_files"]

READ_AHEAD_BYTES = 2**20


@dataclass(frozen=True)
class RemoteFile:
    """Refers to one object, with the methods of `Path` that the readers of sources need."""

    remote: Remote
    key: str
    size: int
    e_tag: str

    def __str__(self) -> str:
        return f"{self.remote.url}/{self.key}" if self.key else self.remote.url

    @property
    def name(self) -> str:
        """The last part of the object's address."""
        return str(self).rpartition("/")[2]

    @property
    def suffixes(self) -> list[str]:
        """The endings of the name, such as `.csv` and `.gz`."""
        return PurePosixPath(self.name).suffixes

    @property
    def digest(self) -> str:
        """The digest of the object's etag and size. The etag changes whenever the bytes change.

        The same bytes, uploaded in parts of another size, have another etag and so another digest.
        """
        return hashlib.sha256(f"{self.e_tag} {self.size}".encode()).hexdigest()

    def open(self) -> io.BufferedReader:
        """Opens the object for reading from any position."""
        return io.BufferedReader(_Ranges(self), READ_AHEAD_BYTES)

    def read_bytes(self) -> bytes:
        """Returns all bytes of the object."""
        return self.remote.ask(lambda store: bytes(self.remote.api.get(store, self.key).bytes()))


class _Ranges(io.RawIOBase):
    """Reads byte ranges of an object, and reconnects if the connection is lost."""

    def __init__(self, file: RemoteFile):
        self._file = file
        self._place = 0

    def readable(self) -> bool:
        """Returns True."""
        return True

    def seekable(self) -> bool:
        """Returns True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a position and returns it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer up to the end of the file and returns the number of bytes."""
        start, stop = self._place, min(self._place + len(buffer), self._file.size)
        if start >= stop:
            return 0
        remote, key = self._file.remote, self._file.key
        content = remote.ask(
            lambda store: bytes(remote.api.get_range(store, key, start=start, end=stop))
        )
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)


def remote_files(url: str) -> tuple[bool, dict[str, RemoteFile]]:
    """Returns whether an address is one file, and a mapping from names to files.

    Names are relative to the address. If the address is one file, the name of this file is the last
    part of the address.

    Raises ConfigError or TransientError, with a message of one line, if the files cannot be listed.
    """
    url = checked_url(url)
    folder, _, last = url.rpartition("/")
    remote = Remote(url)
    files = {
        meta["path"]: RemoteFile(remote, meta["path"], meta["size"], meta["e_tag"])
        for meta in remote.ask(lambda store: remote.api.list(store).collect())
        if meta["path"] and not meta["path"].endswith("/")
    }
    if files or folder.endswith("/"):  # a bucket is not a file
        return False, files
    parent = Remote(folder)
    try:
        meta = parent.ask(parent.api.head, last)
    except FileNotFoundError:
        return False, {}
    return True, {last: RemoteFile(parent, last, meta["size"], meta["e_tag"])}

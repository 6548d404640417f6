"""A read-only HTTP server for a store's reports on this machine: `python -m infra.reports`."""

import argparse
import io
import sys
from base64 import b64encode
from functools import partial
from hashlib import sha256
from html import escape
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from aeflow.artifacts import Publication
from aeflow.errors import AeflowError
from aeflow.lineage import Manifest
from aeflow.storage import Store
from aeflow.storage.listing import manifests_of
from infra.parts import ROOT
from infra.settings import HOST

__all__ = ["Reports", "main", "server_of"]

SCRIPT = (ROOT / "aeflow" / "stages" / "publishing" / "report.js").read_bytes()
"""The only script of a report. It is read as a file, as its package would import TensorFlow."""
HEADERS = {
    # A report makes no requests and runs only this script, whatever its content is.
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    f"script-src 'sha256-{b64encode(sha256(SCRIPT).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # browsers must ask again: a report may have been replaced
}
HTML = "text/html; charset=utf-8"
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>aeflow: reports</title>
<meta name="color-scheme" content="light dark">
<style>
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto }}
td {{ padding: .15rem 1.5rem .15rem 0 }}</style>
<h1>Reports</h1>
{content}
</html>
"""
ROW = '<tr><td>{when:%Y-%m-%d %H:%M} UTC<td><a href="/{report}">{dataset}</a><td>model {model}</tr>'
NONE_YET = "<p>Nothing is published yet. The last task of a pipeline publishes its report.</p>"


def main() -> int:
    """Serves reports until it is stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.reports", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("store", help="The store; only its publications are served.")
    parser.add_argument("--port", type=int, default=6007, help="Port on this machine.")
    parser.add_argument("--host", default=HOST, help="Address to listen on.")
    arguments = parser.parse_args()
    with server_of(Store(arguments.store), arguments.host, arguments.port) as server:
        server.serve_forever()
    return 0


def server_of(store: Store, host: str, port: int) -> ThreadingHTTPServer:
    """Returns a listening server; port 0 selects a free port."""
    return ThreadingHTTPServer((host, port), partial(Reports, store))


class Reports(SimpleHTTPRequestHandler):
    """Serves the committed files of publications and a list of the reports, and nothing else."""

    server_version, sys_version = "aeflow", ""

    def __init__(self, store: Store, *args: Any, **options: Any):
        self._store = store
        super().__init__(*args, directory=str(store.root), **options)

    def send_head(self) -> BinaryIO | None:
        """Answers GET and HEAD; sends the status and headers and returns the content."""
        requested_path = unquote(urlsplit(self.path).path)
        if requested_path == "/":
            return self._list()
        if requested_path == "/favicon.ico":  # browsers request it by themselves
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()
            return None
        if _committed(self._store, requested_path) is None:
            self.send_error(HTTPStatus.NOT_FOUND, "There is no such report")
            return None
        return super().send_head()

    def translate_path(self, path: str) -> str:
        """Returns the requested file, after `send_head` has checked that it is committed."""
        return str(_committed(self._store, unquote(urlsplit(path).path)))

    def guess_type(self, path: str | PathLike[str]) -> str:
        """Returns the content type. Browsers display HTML only, and save all other files."""
        return HTML if Path(path).suffix == ".html" else "application/octet-stream"

    def end_headers(self) -> None:
        """Sends the headers that every response has."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def _list(self) -> BinaryIO:
        content = _page(manifests_of(Publication, self._store)).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", HTML)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return io.BytesIO(content)


def _committed(store: Store, requested_path: str) -> Path | None:
    """Returns the file at `/publications/KEY/NAME` if a manifest lists it, else None."""
    _, *parts = PurePosixPath(requested_path).parts or ("/",)
    if len(parts) < 3 or parts[0] != Publication.folder:
        return None
    try:
        manifest = store.find("/".join(parts[:2]))
    except AeflowError:  # a name outside the store, or a manifest that cannot be read
        return None
    name, entries = "/".join(parts[2:]), {e.name: e for e in manifest.files} if manifest else {}
    if name not in entries:
        return None
    folder = store.files.ready("/".join(parts[:2]), [entries[name]])
    path = folder / name
    is_inside = path.resolve().is_relative_to(folder.resolve())  # refuses links to other folders
    return path if is_inside and path.is_file() else None


def _page(published: list[Manifest]) -> str:
    newest_first = sorted(published, key=lambda manifest: manifest.created, reverse=True)
    rows = "\n".join(_row(manifest) for manifest in newest_first)
    return PAGE.format(content=f"<table>\n{rows}\n</table>" if rows else NONE_YET)


def _row(manifest: Manifest) -> str:
    inputs, publication = manifest.question.inputs, Publication.model_validate(manifest.artifact)
    return ROW.format(
        when=manifest.created,
        report=escape(f"{publication.address}/{publication.report}"),
        dataset=escape(inputs["dataset"].address.partition("/")[2]),
        model=escape(inputs["model"].address.partition("/")[2]),
    )


if __name__ == "__main__":
    sys.exit(main())

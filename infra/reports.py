"""A store's reports over HTTP, for reading and on this machine only: `python -m infra.reports`."""

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
"""The one script of a report, read as a file: importing its package would import TensorFlow."""
HEADERS = {
    # A report asks nothing of anybody and runs this script alone, whatever is written in it.
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    f"script-src 'sha256-{b64encode(sha256(SCRIPT).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # ask again: an answer may have been made anew
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
NONE_YET = "<p>Nothing is published yet: a pipeline's last task does that.</p>"


def main() -> int:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.reports", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("store", help="The store; of its files only publications are shown.")
    parser.add_argument("--port", type=int, default=6007, help="Port on this machine.")
    parser.add_argument("--host", default=HOST, help="Address that it listens on.")
    chosen = parser.parse_args()
    with server_of(Store(chosen.store), chosen.host, chosen.port) as server:
        server.serve_forever()
    return 0


def server_of(store: Store, host: str, port: int) -> ThreadingHTTPServer:
    """Returns a server that listens; port 0 takes a free one."""
    return ThreadingHTTPServer((host, port), partial(Reports, store))


class Reports(SimpleHTTPRequestHandler):
    """Answers with the committed files of publications, and a list of the reports; no more."""

    server_version, sys_version = "aeflow", ""

    def __init__(self, store: Store, *args: Any, **options: Any):
        self._store = store
        super().__init__(*args, directory=str(store.root), **options)

    def send_head(self) -> BinaryIO | None:
        """Answers GET and HEAD, up to the content."""
        asked = unquote(urlsplit(self.path).path)
        if asked == "/":
            return self._list()
        if asked == "/favicon.ico":  # browsers ask for it by themselves
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()
            return None
        if _committed(self._store, asked) is None:
            self.send_error(HTTPStatus.NOT_FOUND, "There is no such report")
            return None
        return super().send_head()

    def translate_path(self, path: str) -> str:
        """Returns the file that is asked for; `send_head` has found it committed."""
        return str(_committed(self._store, unquote(urlsplit(path).path)))

    def guess_type(self, path: str | PathLike[str]) -> str:
        """Returns the content type; only reports are opened in a browser."""
        return HTML if Path(path).suffix == ".html" else "application/octet-stream"

    def end_headers(self) -> None:
        """Sends what is true of every answer."""
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


def _committed(store: Store, asked: str) -> Path | None:
    """Returns the file at `/publications/KEY/NAME` if a manifest commits it, else None."""
    _, *parts = PurePosixPath(asked).parts or ("/",)
    if len(parts) < 3 or parts[0] != Publication.folder:
        return None
    try:
        manifest = store.find("/".join(parts[:2]))
    except AeflowError:  # a name that leads out, a manifest that cannot be read
        return None
    name, entries = "/".join(parts[2:]), {e.name: e for e in manifest.files} if manifest else {}
    if name not in entries:
        return None
    folder = store.files.ready("/".join(parts[:2]), [entries[name]])
    path = folder / name
    is_inside = path.resolve().is_relative_to(folder.resolve())  # no link leads elsewhere
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

"""The images: the packages of their locks, their user without rights, their health checks."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from infra.health import main
from tests.source_code import ROOT

IMAGES = ROOT / "infra" / "images"
LOCKS = {name: IMAGES / f"requirements-{name}.lock" for name in ("cpu", "gpu", "build")}


def instructions() -> list[tuple[str, str]]:
    """Returns the Dockerfile's instructions, each on one line."""
    text = re.sub(r"\\\n", " ", (IMAGES / "Dockerfile").read_text("utf-8"))
    lines = [line.strip() for line in text.splitlines()]
    parts = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in parts]


def last(name: str) -> str:
    return [rest for instruction, rest in instructions() if instruction == name][-1]


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Returns the version and the hashes of each package of a lock."""
    path = LOCKS.get(name, ROOT / "requirements.lock")
    blocks = re.split(r"\n(?=[a-z])", path.read_text("utf-8"))
    matches = [(re.match(r"([a-z0-9._-]+)==(\S+)", block), block) for block in blocks]
    hashes = {block: frozenset(re.findall(r"--hash=(\S+)", block)) for _, block in matches}
    return {pin[1]: (pin[2], hashes[block]) for pin, block in matches if pin}


def test_image_runs_as_a_user_without_rights():
    assert last("USER") == "10001:10001"


def test_what_an_image_runs_is_its_first_process():
    assert json.loads(last("ENTRYPOINT")) == ["python", "-m"]
    assert json.loads(last("CMD"))[0] == "infra.worker"
    assert json.loads(last("HEALTHCHECK").partition("CMD ")[2])[-1] == "infra.health"


def test_image_is_built_apart_from_what_it_holds():
    stages = [rest for name, rest in instructions() if name == "FROM"]
    assert stages == ["${BASE} AS builder", "${BASE}"]
    assert instructions()[0] == ("ARG", "BASE=python:3.11-slim-bookworm")


def test_every_installation_takes_hashes_or_nothing_but_ours():
    installing = [
        command
        for name, rest in instructions()
        if name == "RUN"
        for command in rest.split("&&")
        if re.search(r"pip (install|sync)", command)
    ]
    assert len(installing) == 3
    assert all("--require-hashes" in c or "--no-deps" in c for c in installing)


def test_no_secret_is_an_argument_or_in_the_environment_of_an_image():
    values = [rest for name, rest in instructions() if name in ("ARG", "ENV")]
    assert not re.search(r"PASSWORD|SECRET|TOKEN|AUTH", " ".join(values))


def test_context_of_a_build_is_what_it_copies():
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    exceptions = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source.replace("requirements-build", "*").replace("requirements-${ACCELERATOR}", "*")
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert copied == exceptions
    assert all(list(ROOT.glob(path)) for path in copied)


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_lock_of_an_image_has_the_versions_that_are_tested(name):
    tested, own = pins("requirements"), pins(name)
    assert len(own) > 100
    differing = {p: own[p][0] for p in own.keys() & tested.keys() if own[p] != tested[p]}
    assert differing == {}


def test_lock_of_the_gpu_image_adds_cuda_alone():
    assert pins("cpu").items() <= pins("gpu").items()
    added = pins("gpu").keys() - pins("cpu").keys()
    assert added
    assert [package for package in added if not package.startswith("nvidia-")] == []


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_of_a_lock_has_hashes(name):
    assert [package for package, (_, hashes) in pins(name).items() if not hashes] == []


class Answer(BaseHTTPRequestHandler):
    """Answers 200 on /well and 503 on every other path."""

    def do_GET(self):
        self.send_response(200 if self.path == "/well" else 503)
        self.end_headers()

    def log_message(self, format, *args):
        """Logs nothing."""


@pytest.mark.parametrize(("path", "code"), [("/well", 0), ("/ill", 1)])
def test_health_is_what_the_part_says(monkeypatch, path, code):
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}{path}"
        monkeypatch.setenv("AEFLOW_HEALTH_URL", url)
        assert main() == code


def test_part_that_does_not_answer_is_not_well(monkeypatch, capsys):
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        port = server.server_port
    monkeypatch.setenv("AEFLOW_HEALTH_URL", f"http://127.0.0.1:{port}")
    assert main() == 1
    assert str(port) in capsys.readouterr().err

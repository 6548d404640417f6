"""The operations page describes every setting, deployment and command, and none that is gone."""

import re
from pathlib import Path

import yaml

from infra.settings_file import read
from tests.source_code import ROOT

README = (ROOT / "infra" / "README.md").read_text("utf-8")
CONTAINERS = (ROOT / "infra" / "containers.md").read_text("utf-8")
INTERNAL = {"AEFLOW_SERVICE", "AEFLOW_HEALTH_URL"}
"""Variables that the service sets for its own processes."""


def settings_in(text: str) -> set[str]:
    return set(re.findall(r"AEFLOW_[A-Z_]*[A-Z]", text))


def test_every_setting_is_described_and_none_that_is_not_there():
    sources = [path for folder in ("infra", "deployments") for path in (ROOT / folder).glob("*.*")]
    code = "".join(path.read_text("utf-8") for path in sources if path.suffix in (".py", ".yaml"))
    limits = {f"AEFLOW_{pool}_LIMIT" for pool in ("CONTROL", "CPU", "GPU")}
    described = settings_in(README) | settings_in(CONTAINERS)
    assert described - limits == settings_in(code) - limits - INTERNAL


def test_every_deployment_is_described():
    content = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text("utf-8"))
    for deployment in content["deployments"]:
        flow = deployment["entrypoint"].rpartition(".")[2].replace("_", "-")
        name = deployment["name"].replace("{{ dataset }}", "NAME")
        assert f"{flow}/{name}" in README


def test_settings_of_several_datasets_are_valid(tmp_path):
    page = (ROOT / "docs" / "every-night.md").read_text("utf-8")
    (example,) = [block for block in blocks(page) if block.startswith("[datasets.")]
    (tmp_path / "service.toml").write_text(example, "utf-8")
    assert list(read(tmp_path / "service.toml").datasets) == ["my-data", "sales"]


def blocks(text: str) -> list[str]:
    return re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_commands_are_ten():
    assert len(blocks(README)[0].splitlines()) == 10
    assert [block for block in blocks(CONTAINERS) if len(block.splitlines()) > 10] == []


def test_files_that_the_page_names_are_there():
    paths = set(re.findall(r"infra/[\w/.-]*\w", CONTAINERS))
    assert len(paths) > 8
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_target_is_in_the_makefile():
    makefile = Path(ROOT / "Makefile").read_text("utf-8")
    targets = {name for line in re.findall(r"make ([a-z -]+)", README) for name in line.split()}
    assert {"services", "up", "down"} <= targets
    assert [t for t in ("services", "up", "down") if not re.search(f"^{t}:", makefile, re.M)] == []
